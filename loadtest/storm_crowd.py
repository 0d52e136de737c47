"""The generator of ``storm``: people who follow meetings, lose their server, and come back.

They behave as our client library does: after a failure they wait a random time under its ceiling,
then ask for everything after the
last event they have. Writers go on when they are due; what is due while there is no connection is
not sent.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from attrs import asdict, define

from loadtest.driving import endpoint_of
from loadtest.lean import Answer, Loop, Session, Stream, Verdict, marks_in
from loadtest.recording import Recorder
from loadtest.saying import CHUNK, chunks
from loadtest.sender import Sender
from loadtest.worker import Link
from protocol.client import reconnect_ceiling_s

TOPICS: Final = ("transcript",)
OPENING_AT_ONCE: Final = 50
OPENING_TIMEOUT_S: Final = 120.0


class LiveSession(Session):
    """One that says nothing before it is live again."""

    def call(self, target: str, op: str, args: Mapping[str, Any], answer: Answer) -> bool:
        """See ``Session``."""
        return self.is_live and super().call(target, op, args, answer)


@define(eq=False)
class Follower:
    """One client: its connection of the moment, how often it failed, when it was live again."""

    session: Session
    meeting: int
    epoch: str = ""
    failures: int = 0  # In a row.
    attempts: int = 0  # Since the server died.
    resumes: int = 0
    resets: int = 0
    live_at: float | None = None  # When it was live again, ``perf_counter``.


class Storm:
    """All of one generator. Each of its meetings has one writer, who follows too."""

    def __init__(self, link: Link) -> None:
        """Take the plan: ``meetings`` (their numbers), ``followers`` of each, ..."""
        plan = link.plan
        self._link = link
        self._plan = plan
        self._rng = random.Random(f"{plan['seed']}-{plan['generator']}")
        self._loop = Loop()
        endpoint = endpoint_of(plan)
        self._followers = [
            Follower(
                LiveSession(
                    self._loop,
                    endpoint,
                    f"{plan['run']}-{meeting}-{number}",
                    target=f"meeting:{plan['run']}-{meeting}",
                    topics=TOPICS,
                ),
                index,
            )
            for index, meeting in enumerate(plan["meetings"])
            for number in range(plan["followers"])
        ]
        self._streams: list[Stream] = []
        self._senders: list[Sender] = []
        self._delivered = 0
        self._back = 0  # Followers that were cut off and are live again.
        self._ended: Counter[str] = Counter()

    def run(self) -> None:
        """Open, write and follow through whatever happens to the server, drain, report."""
        self._open_all()
        self._link.ready()
        start_at = self._link.wait_for_start()
        give_up_at = start_at + self._plan["patience_s"]
        recorder = Recorder(self._link, start_at=start_at)
        self._begin_writing(recorder, start_at, give_up_at + self._plan["after_s"])
        for follower in self._followers:
            follower.session.on_events = partial(self._events, follower, recorder)
        recorder.tick_in(self._loop)
        self._loop.run(self._are_all_back, until=give_up_at)
        self._loop.run(lambda: False, until=time.perf_counter() + self._plan["after_s"])
        self._loop.drop_calls()  # Nothing more is written; who is not back by now stays away.
        self._loop.run(self._is_quiet, until=time.perf_counter() + self._plan["drain_s"])
        recorder.flush()
        self._link.done(self._result())

    def _open_all(self) -> None:
        deadline = time.perf_counter() + OPENING_TIMEOUT_S
        for first in range(0, len(self._followers), OPENING_AT_ONCE):
            wave = self._followers[first : first + OPENING_AT_ONCE]
            for follower in wave:
                follower.session.on_other = partial(self._other, follower)
                follower.session.on_ended = partial(self._cut_off, follower)
                follower.session.open()
            if not self._loop.run(partial(_are_live, wave), until=deadline) or self._ended:
                raise ConnectionError(f"not all came in: {dict(self._ended)}")

    def _begin_writing(self, recorder: Recorder, start_at: float, end_at: float) -> None:
        period_s = 1 / self._plan["chunks_per_s"]
        for index in range(len(self._plan["meetings"])):
            writer = self._followers[index * self._plan["followers"]].session
            due = start_at + self._rng.random() * period_s
            stream = Stream(index, CHUNK, due, period_s)
            target = f"meeting:{self._plan['run']}-{self._plan['meetings'][index]}"
            sender = Sender(self._loop, recorder, writer, target, stream)
            sender.start(chunks(stream), end_at)
            self._streams.append(stream)
            self._senders.append(sender)

    # ------------------------------------------------------------ coming back

    def _cut_off(self, follower: Follower, why: str) -> None:
        self._ended[why] += 1
        follower.session.open_calls.clear()  # Nobody will ever know their outcome.
        ceiling_s = min(self._plan["reconnect_max_s"], reconnect_ceiling_s(follower.failures))
        follower.failures += 1
        delay_s = self._rng.uniform(0.0, ceiling_s)
        self._loop.call_at(time.perf_counter() + delay_s, partial(self._come_back, follower))

    def cursor_of(self, follower: Follower) -> dict[str, Any]:
        """Return where *follower* goes on: after the last event that it has."""
        return {"epoch": follower.epoch, "seq": follower.session.account.seq}

    def _come_back(self, follower: Follower, _due: float) -> None:
        follower.attempts += 1
        try:
            follower.session.open(self.cursor_of(follower))
        except OSError as error:  # Nobody listens yet.
            self._cut_off(follower, f"connecting: {error.strerror}")

    def _other(self, follower: Follower, message: Mapping[str, Any]) -> None:
        tag = message["t"]
        if tag in ("snapshot", "resumed", "reset"):
            follower.epoch = message["epoch"]
            follower.failures = 0
            if follower.attempts:
                follower.resumes += tag == "resumed"
                follower.resets += tag != "resumed"
                self._back += follower.live_at is None
                follower.live_at = time.perf_counter()
        elif tag in ("error", "ended"):  # Refused, or put out: try again like after any failure.
            follower.session.close()
            self._cut_off(follower, f"{tag}: {message['code']}")

    # ------------------------------------------------------------ reading

    def _events(self, follower: Follower, recorder: Recorder, payload: bytes, now: float) -> None:
        for serial, number in marks_in(payload):
            if follower.session.account.take(serial, number):
                self._delivered += 1
                due = self._streams[serial].due(number)
                recorder.histograms["chunk_delivered"].record(now - due)

    def _are_all_back(self) -> bool:
        return self._back == len(self._followers)

    def _is_quiet(self) -> bool:
        return all(self._lacks_nothing(follower) for follower in self._followers)

    def _lacks_nothing(self, follower: Follower) -> bool:
        stream = self._streams[follower.meeting]
        return follower.session.is_live and follower.session.account.has_all([stream])

    def _result(self) -> dict[str, Any]:
        verdict = sum(
            (one.session.account.verdict([self._streams[one.meeting]]) for one in self._followers),
            Verdict(),
        )
        for follower in self._followers:
            follower.session.close()
        return {
            **asdict(verdict),
            "followers": len(self._followers),
            "resumes": sum(one.resumes for one in self._followers),
            "resets": sum(one.resets for one in self._followers),
            "attempts": sum(one.attempts for one in self._followers),
            "live_at": [one.live_at for one in self._followers if one.live_at is not None],
            "sent": sum(stream.sent for stream in self._streams),
            "unsent": sum(sender.unsent for sender in self._senders),
            "undecided": sum(len(stream.undecided) for stream in self._streams),
            "delivered": self._delivered,
            "ended_because": dict(self._ended.most_common(8)),
        }


def _are_live(followers: list[Follower]) -> bool:
    return all(follower.session.is_live for follower in followers)


def generate(link: Link) -> None:
    """The job."""
    Storm(link).run()
