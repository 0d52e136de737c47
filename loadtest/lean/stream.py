"""What one sender sends of one sort: numbered from 0, each number due at a known time."""

from __future__ import annotations

from attrs import define, field


@define(eq=False, slots=True)
class Stream:
    """Everything about it that sender and receivers must agree on.

    A number's mark, ``~ID.NUMBER~``, is put into what is sent, where a receiver finds it without
    decoding. As dues follow from numbers, nobody keeps a table of what was sent when.
    """

    id: int  # Unique among the streams of its room.
    sort: str  # "chunk", "edit", …: names the histograms.
    first_due: float = 0.0
    period_s: float = 1.0
    sent: int = 0
    undecided: set[int] = field(factory=set)  # Sent, not answered.
    refused: dict[int, str] = field(factory=dict)  # number -> code. Need not be delivered.

    def due(self, number: int) -> float:
        """When *number* ought to be sent."""
        return self.first_due + number * self.period_s

    def mark(self, number: int) -> str:
        """What tells *number* of this stream from everything else."""
        return f"~{self.id}.{number}~"

    def take_number(self) -> int:
        """Count one more as sent, and not answered."""
        number = self.sent
        self.sent += 1
        self.undecided.add(number)
        return number

    def answered(self, number: int, refusal: str | None) -> None:
        """Note the server's word on *number*: None if it is durable."""
        self.undecided.discard(number)
        if refusal is not None:
            self.refused[number] = refusal
