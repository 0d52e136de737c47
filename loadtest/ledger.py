"""Keeps account of what one subscriber got, and says what is wrong with it."""

from __future__ import annotations

from attrs import define, field, frozen


@frozen
class Faults:
    """What must be all zero."""

    gaps: int  # Events that others got, or that storage holds, and this one did not.
    duplicates: int
    reorderings: int


@define
class Ledger:
    """The events that one subscriber was handed, in the order in which it got them."""

    first_seq: int | None = None  # The snapshot's: everything after it must come.
    last_seq: int = 0
    duplicates: int = 0
    reorderings: int = 0
    resets: int = 0
    _seen: set[int] = field(factory=set)
    _reset_spans: list[tuple[int, int]] = field(factory=list)

    @property
    def delivered(self) -> int:
        """How many different events came."""
        return len(self._seen)

    def begin(self, seq: int, *, is_reset: bool) -> None:
        """Note a snapshot at *seq*: the start, or an explicit new start."""
        if self.first_seq is None:
            self.first_seq = seq
        elif is_reset:
            self.resets += 1
            self._reset_spans.append((self.last_seq, seq))
        self.last_seq = max(self.last_seq, seq)

    def note(self, seq: int) -> None:
        """Note an event."""
        if seq in self._seen:
            self.duplicates += 1
        elif seq <= self.last_seq:
            self.reorderings += 1
        self._seen.add(seq)
        self.last_seq = max(self.last_seq, seq)

    def faults(self, truth: set[int]) -> Faults:
        """Compare with *truth*: all events that exist."""
        start = self.first_seq or 0
        missing = {
            seq
            for seq in truth - self._seen
            if seq > start and not any(low < seq <= high for low, high in self._reset_spans)
        }
        return Faults(len(missing), self.duplicates, self.reorderings)

    def seen(self) -> set[int]:
        """All seqs that came."""
        return set(self._seen)
