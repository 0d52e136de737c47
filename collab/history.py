"""What queries may read: listings as they are stored, and a target's own history, decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from actors import Journal
from collab.audit import AuditFilter, AuditRecord
from collab.envelope import EventCodec
from collab.kind import Happened, Item, Kind, Listings


class AuditReader(Protocol):
    """Every store has it."""

    async def audit_page(self, wanted: AuditFilter) -> list[AuditRecord]:
        """See ``collab.kind.Reader``."""
        ...


class HistoryReader:
    """A ``collab.kind.Reader`` over any store: the store's listings, and its journal's events."""

    def __init__(
        self,
        listings: Listings,
        journal: Journal,
        audit: AuditReader,
        kinds: Mapping[str, Kind[Any]],
    ) -> None:
        self._listings = listings
        self._journal = journal
        self._audit = audit
        self._codecs = {name: EventCodec(kind) for name, kind in kinds.items()}

    async def page(
        self,
        owner: str,
        listing: str,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int,
    ) -> list[Item]:
        """Return up to *limit* items; see ``Listings.page``. Cancelled: nothing happened."""
        return await self._listings.page(owner, listing, before=before, after=after, limit=limit)

    async def get(self, owner: str, listing: str, positions: Sequence[int]) -> list[Item]:
        """Return those of *positions* that exist, ascending. Cancelled: nothing happened."""
        return await self._listings.get(owner, listing, positions)

    async def audit_page(self, wanted: AuditFilter) -> list[AuditRecord]:
        """Return the newest entries of the audit log that fit. Cancelled: nothing happened."""
        return await self._audit.audit_page(wanted)

    async def events(self, owner: str, *, after: int, limit: int) -> list[Happened]:
        """Return up to *limit* events with ``seq > after``, oldest first.

        Raises:
          JournalError: the history cannot be read.
          KeyError: no kind of this name.

        Cancelled: nothing happened.
        """
        codec = self._codecs[owner.partition(":")[0]]
        records = await self._journal.read(owner, after=after, limit=limit)
        entries = [(record.seq, codec.decode(record.payload)) for record in records]
        return [Happened(entry.stamp(seq), entry.event) for seq, entry in entries]
