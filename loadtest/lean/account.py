"""What one receiver got of each stream, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import define, field, frozen

from loadtest.lean.stream import Stream

_MARK: Final = re.compile(rb"~(\d+)\.(\d+)~")


def marks_in(payload: bytes) -> list[tuple[int, int]]:
    """Return (stream, number) of every mark in *payload*, in order."""
    return [(int(stream), int(number)) for stream, number in _MARK.findall(payload)]


@frozen
class Verdict:
    """What must be all zero."""

    lost: int = 0  # Acknowledged, and never delivered.
    duplicated: int = 0
    reordered: int = 0  # Delivered after a later one of the same sender.
    invented: int = 0  # Delivered, never sent.
    gaps: int = 0  # Frames that did not follow on the one before.

    def __add__(self, other: Verdict) -> Verdict:
        """Add two receivers' faults."""
        return Verdict(
            self.lost + other.lost,
            self.duplicated + other.duplicated,
            self.reordered + other.reordered,
            self.invented + other.invented,
            self.gaps + other.gaps,
        )


@define(eq=False, slots=True)
class Account:
    """One receiver's deliveries, stream by stream. Constant memory while all is well."""

    seq: int = 0  # Of the last frame: the cursor.
    delivered: int = 0
    duplicated: int = 0
    reordered: int = 0
    gaps: int = 0
    _next: dict[int, int] = field(factory=dict)  # stream -> the number that is expected
    _missing: dict[int, set[int]] = field(factory=dict)  # stream -> skipped, may still come

    def begin(self, seq: int) -> None:
        """A snapshot: what follows is after *seq*."""
        self.seq = seq

    def frame(self, after: int, seq: int) -> None:
        """Note a frame that covers ``after < seq``. What is in it is taken by ``take``."""
        if after > self.seq:
            self.gaps += 1
        self.seq = max(self.seq, seq)

    def take(self, stream: int, number: int) -> bool:
        """Note a delivery; False if it came before."""
        expected = self._next.get(stream, 0)
        if number == expected:
            self._next[stream] = number + 1
        elif number > expected:
            self._missing.setdefault(stream, set()).update(range(expected, number))
            self._next[stream] = number + 1
        elif number in (missing := self._missing.get(stream, set())):
            missing.discard(number)
            self.reordered += 1
        else:
            self.duplicated += 1
            return False
        self.delivered += 1
        return True

    def has_all(self, streams: Iterable[Stream]) -> bool:
        """Say whether nothing that was sent is still to come, refusals aside."""
        return not any(self._absent(stream) for stream in streams)

    def verdict(self, streams: Sequence[Stream]) -> Verdict:
        """Compare with what was sent and not refused."""
        sent = {stream.id: stream.sent for stream in streams}
        return Verdict(
            lost=sum(len(self._absent(stream) - stream.undecided) for stream in streams),
            duplicated=self.duplicated,
            reordered=self.reordered,
            invented=sum(
                max(0, number - sent.get(stream, 0)) for stream, number in self._next.items()
            ),
            gaps=self.gaps,
        )

    def _absent(self, stream: Stream) -> set[int]:
        ahead = range(self._next.get(stream.id, 0), stream.sent)
        return (self._missing.get(stream.id, set()) | set(ahead)) - stream.refused.keys()
