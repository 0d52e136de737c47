"""Durable storage: the only place that knows SQLite.

``open_store`` gives a :class:`SqliteStore`, :class:`MemoryStore` is the same without a disk. Both
are an ``actors.Journal``, a ``collab.kind.Reader`` and an outbox of signals.
"""

from __future__ import annotations

from collab.storage.audit import AuditCondition as AuditCondition
from collab.storage.audit import export_audit as export_audit
from collab.storage.audit import verify_audit as verify_audit
from collab.storage.deep import DeepCondition as DeepCondition
from collab.storage.deep import check_deeply as check_deeply
from collab.storage.directory import StoreCondition as StoreCondition
from collab.storage.directory import inspect_store as inspect_store
from collab.storage.errors import StoreUnusable as StoreUnusable
from collab.storage.figures import Figures as Figures
from collab.storage.memory import MemoryStore as MemoryStore
from collab.storage.opening import open_store as open_store
from collab.storage.rows import SignalRow as SignalRow
from collab.storage.rows import StoredSignal as StoredSignal
from collab.storage.store import SqliteStore as SqliteStore
