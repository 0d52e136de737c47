"""Sends what is due, when it is due, and measures from then on."""

from __future__ import annotations

import time

from loadtest.lean import Loop, Session, Stream
from loadtest.recording import Recorder
from loadtest.saying import Maker


class Sender:
    """One stream over one session: open loop, an answer that is late slows nothing down."""

    __slots__ = (
        "_answered",
        "_end_at",
        "_loop",
        "_make",
        "_recorder",
        "_session",
        "_target",
        "is_finished",
        "stream",
        "unsent",
    )

    def __init__(
        self, loop: Loop, recorder: Recorder, session: Session, target: str, stream: Stream
    ) -> None:
        """Describe it; ``start`` begins."""
        self.stream = stream
        self.unsent = 0  # Due, but the connection was gone or did not take any more.
        self._loop = loop
        self._recorder = recorder
        self._session = session
        self._target = target
        self._answered = f"{stream.sort}_acknowledged"
        self._end_at = 0.0
        self.is_finished = False  # Everything that was due has been sent, also what was late.

    def start(self, make: Maker, end_at: float) -> None:
        """Send everything that is due before *end_at*."""
        self._make = make
        self._end_at = end_at
        self._go_on(self.stream.due(0))

    def _send(self, due: float) -> None:
        stream = self.stream
        self._recorder.histograms["late"].record(time.perf_counter() - due)
        number = stream.take_number()
        op, args = self._make(number)

        def answer(refusal: str | None, now: float) -> None:
            stream.answered(number, refusal)
            if refusal is None:
                self._recorder.histograms[self._answered].record(now - due)
            else:
                self._recorder.counts[f"{stream.sort}_refused"] += 1

        if not self._session.call(self._target, op, args, answer):
            stream.answered(number, "unsent")
            self.unsent += 1
        self._go_on(stream.due(stream.sent))

    def _go_on(self, due: float) -> None:
        if due < self._end_at:
            self._loop.call_at(due, self._send)
        else:
            self.is_finished = True
