"""The generator's part of ``fanout``: many readers of one meeting, and one writer.

The writer is in the first generator. As what it sends is due at known times, readers in other
processes know when, and how much, without being told.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import count
from typing import Final

from attrs import asdict

from loadtest.driving import endpoint_of
from loadtest.lean import Loop, Session, Stream, Verdict, marks_in, open_sessions
from loadtest.recording import Recorder
from loadtest.saying import EDIT, edits
from loadtest.sender import Sender
from loadtest.worker import Link

FIRST_AFTER_S: Final = 0.25  # All generators are past their start by then.
WRITER_ID: Final = 7  # In the document.


def generate(link: Link) -> None:
    """The job. Plan: run, observers (numbers), is_writing, edits_per_s, secs, drain_secs."""
    plan = link.plan
    loop, endpoint, target = Loop(), endpoint_of(plan), f"meeting:{plan['run']}"
    writer = Session(loop, endpoint, f"{plan['run']}-w") if plan["is_writing"] else None
    observers = [
        Session(loop, endpoint, f"{plan['run']}-o{n}", target=target, topics=("notes",))
        for n in plan["observers"]
    ]
    ended: list[str] = []
    everybody = [*([writer] if writer else []), *observers]
    open_sessions(loop, everybody)
    for session in everybody:
        session.on_ended = ended.append
    link.ready()
    start_at = link.wait_for_start()
    recorder = Recorder(link, start_at=start_at)
    stream = Stream(0, EDIT, start_at + FIRST_AFTER_S, 1 / plan["edits_per_s"])
    planned = math.ceil(plan["secs"] * plan["edits_per_s"])
    end_at = stream.due(planned) - stream.period_s / 2
    listening = _Listening(stream, recorder)
    for session in observers:
        listening.begin(session)
    sender = Sender(loop, recorder, writer, target, stream) if writer else None
    if sender is not None:
        sender.start(edits(stream, count(WRITER_ID)), end_at)
    recorder.tick_in(loop)
    loop.run(lambda: False, until=end_at)
    if sender is None:
        stream.sent = planned
    everything = planned * len(observers)
    loop.run(
        lambda: listening.delivered >= everything and not stream.undecided,
        until=end_at + plan["drain_secs"],
    )
    recorder.flush()
    verdict = sum((session.account.verdict([stream]) for session in observers), Verdict())
    link.done(
        {
            **asdict(verdict),
            "sent": stream.sent if sender else 0,
            "delivered": listening.delivered,
            "refused": dict(Counter(stream.refused.values())),
            "unanswered": len(stream.undecided),
            "unsent": sender.unsent if sender else 0,
            "connections_ended": len(ended),
        }
    )


class _Listening:
    """All observers of one generator."""

    def __init__(self, stream: Stream, recorder: Recorder) -> None:
        self.delivered = 0
        self._stream = stream
        self._recorder = recorder
        self._newest = b""
        self._marks: list[tuple[int, int]] = []

    def begin(self, session: Session) -> None:
        account, histograms, stream = session.account, self._recorder.histograms, self._stream

        def events(payload: bytes, now: float) -> None:
            if payload != self._newest:
                self._newest = payload
                self._marks = marks_in(payload)
            for sender, number in self._marks:
                if account.take(sender, number):
                    self.delivered += 1
                    histograms["edit_delivered"].record(now - stream.due(number))

        session.on_events = events
