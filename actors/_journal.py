"""What an actor needs of storage, and no more.

A journal holds, for every actor, a gap-free run of records numbered from 1, and at most one
snapshot that stands for all records up to its seq. Rules (spec, K3), proved for every
implementation by ``actors.testing.journal_contract``:

* ``append`` returns only when the batch is durable. All of a batch is stored, or nothing.
* A batch that does not start at the next seq raises ``JournalConflict`` and stores nothing.
* ``read`` sees everything whose ``append`` has returned, in order, without gaps.
* After ``JournalBroken`` every later ``append`` raises ``JournalBroken`` too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import field, frozen


@frozen
class Record:
    """One journaled event: its number within the actor, and its bytes as the kind encoded them."""

    seq: int
    payload: bytes


@frozen
class Batch:
    """What one actor wants stored atomically.

    ``rows`` are projection rows: objects that the journal's projection store understands, written
    in the same transaction. The kernel carries them and never looks inside.
    """

    actor_id: str  # "kind:key"
    first_seq: int
    payloads: Sequence[bytes]
    rows: Sequence[object] = ()


@frozen
class Snapshot:
    """An actor's whole state after record ``seq``."""

    seq: int
    data: bytes


@frozen
class Head:
    """What a journal knows of an actor when it is activated."""

    epoch: str  # Changes when history is rewritten (restore, import); then cursors are reset.
    last_seq: int = 0  # 0: no record yet.
    snapshot: Snapshot | None = field(default=None)


class Journal(Protocol):
    """Durable storage of actors' events. One implementation per place where they can live."""

    async def head(self, actor_id: str) -> Head:
        """Return where *actor_id*'s history ends, and its newest snapshot.

        Raises:
          JournalCorrupt: the snapshot or the record index is damaged.

        Cancelled: nothing happened.
        """
        ...

    async def append(self, batch: Batch) -> None:
        """Store *batch*; return when it is durable.

        Raises:
          JournalConflict: ``first_seq`` is not the next seq. Nothing was stored.
          JournalBroken: the device failed. Outcome unknown; no later append succeeds.

        Cancelled: outcome unknown. The caller must discard its state and replay.
        """
        ...

    async def read(self, actor_id: str, *, after: int, limit: int) -> list[Record]:
        """Return up to *limit* records with ``seq > after``, oldest first.

        Fewer than *limit* means that the end was reached.

        Raises:
          JournalCorrupt: a record fails its check.

        Cancelled: nothing happened.
        """
        ...

    async def save_snapshot(self, actor_id: str, snapshot: Snapshot) -> None:
        """Store *snapshot* if it is newer than the stored one. Losing it costs only a replay.

        Cancelled: it is stored or not; either is correct.
        """
        ...
