"""The generator of ``degradation``: transcribers whose rate follows a plan, and their listeners.

Each phase of the plan is a stream of its own in every meeting. What is refused is not offered
again, so the load is what the plan says; whether a refusal names a time to come back is counted.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import asdict

from loadtest.driving import endpoint_of
from loadtest.lean import Endpoint, Loop, Session, Stream, Verdict, open_sessions
from loadtest.recording import Recorder
from loadtest.rooms import Room
from loadtest.saying import CHUNK, WORDS, Call, Maker
from loadtest.sender import Sender
from loadtest.worker import Link

TRY_AGAIN: Final = frozenset({"overloaded", "rate_limited", "unavailable"})
Phase = Sequence[float]  # Chunks a second of each meeting, seconds.


class Transcriber(Session):
    """Notes what refusals say."""

    def __init__(self, loop: Loop, endpoint: Endpoint, user: str) -> None:
        """Follows nothing."""
        super().__init__(loop, endpoint, user)
        self.refusals: Counter[str] = Counter()
        self.without_time = 0  # Of those that say "try again": they do not say when.

    def _read_other(self, message: Mapping[str, Any], now: float) -> None:
        if message["t"] == "error":
            self.refusals[message["code"]] += 1
            is_silent = message.get("retry_after_ms") is None
            self.without_time += is_silent and message["code"] in TRY_AGAIN
        super()._read_other(message, now)


class Crowd:
    """See the module. The plan: ``rooms`` (their numbers), ``followers``, ``phases``, ..."""

    def __init__(self, link: Link) -> None:
        """Describe everybody; nobody is connected yet."""
        plan = link.plan
        self._link = link
        self._plan = plan
        self._phases: list[Phase] = plan["phases"]
        self._rng = random.Random(f"{plan['seed']}-{plan['generator']}")
        self._loop = Loop()
        endpoint = endpoint_of(plan)
        self._rooms = []
        for number in plan["rooms"]:
            name = f"{plan['run']}-{number}"
            room = Room(self._loop, endpoint, name, plan["followers"])
            self._rooms.append((room, Transcriber(self._loop, endpoint, f"{name}-t")))
        self._senders: list[Sender] = []
        self._ended: Counter[str] = Counter()

    def run(self) -> None:
        """Open, speak phase by phase, wait for what is on its way, report."""
        everybody: list[Session] = []
        for room, transcriber in self._rooms:
            everybody += [*room.participants, transcriber]
        open_sessions(self._loop, everybody)
        for session in everybody:
            session.on_ended = self._end
        self._link.ready()
        start_at = self._link.wait_for_start()
        recorder = Recorder(self._link, start_at=start_at)
        for room, transcriber in self._rooms:
            self._begin(room, transcriber, recorder, start_at)
        recorder.tick_in(self._loop)
        end_at = start_at + sum(secs for _, secs in self._phases)
        self._loop.run(lambda: False, until=end_at)
        waiting = [room for room, _ in self._rooms]

        def is_quiet() -> bool:
            while waiting and waiting[-1].is_quiet():
                waiting.pop()
            return not waiting

        self._loop.run(is_quiet, until=end_at + self._plan["drain_s"])
        recorder.flush()
        self._link.done(self._result())

    def _end(self, why: str) -> None:
        self._ended[why] += 1

    def _begin(self, room: Room, transcriber: Session, recorder: Recorder, start_at: float) -> None:
        begin_at = start_at
        for rate, secs in self._phases:
            period_s = 1 / rate
            due = begin_at + self._rng.random() * period_s
            stream = Stream(len(room.streams), CHUNK, due, period_s)
            room.streams.append(stream)
            sender = Sender(self._loop, recorder, transcriber, room.target, stream)
            begin_at += secs
            sender.start(speech(stream, start_at), begin_at)
            self._senders.append(sender)
        for session in room.participants:
            room.listen(session, recorder)

    def _result(self) -> dict[str, Any]:
        rooms = [room for room, _ in self._rooms]
        transcribers = [transcriber for _, transcriber in self._rooms]
        refusals = sum((one.refusals for one in transcribers), Counter[str]())
        return {
            **asdict(sum((room.verdict() for room in rooms), Verdict())),
            "phases": [
                _phase([room.streams[number] for room in rooms])
                for number in range(len(self._phases))
            ],
            "refusals": dict(refusals),
            "refusals_without_time": sum(one.without_time for one in transcribers),
            "delivered": sum(room.delivered for room in rooms),
            "connections_ended": sum(self._ended.values()),
            "ended_because": dict(self._ended.most_common(5)),
        }


def speech(stream: Stream, start_at: float) -> Maker:
    """Final chunks whose speech time is the time since *start_at*, phase after phase."""

    def make(number: int) -> Call:
        start_ms = int((stream.due(number) - start_at) * 1000)
        return "transcript.add", {
            "provider": "load",
            "segment": f"{stream.id}-{number}",
            "speaker": "Ann",
            "start_ms": start_ms,
            "end_ms": start_ms + max(1, int(stream.period_s * 1000)),
            "text": f"{stream.mark(number)} {WORDS}",
            "is_final": True,
        }

    return make


def _phase(streams: Sequence[Stream]) -> dict[str, int]:
    unsent = sum(code == "unsent" for one in streams for code in one.refused.values())
    refused = sum(len(stream.refused) for stream in streams) - unsent
    offered = sum(stream.sent for stream in streams)
    undecided = sum(len(stream.undecided) for stream in streams)
    return {
        "offered": offered,
        "acknowledged": offered - refused - unsent - undecided,
        "refused": refused,
        "unsent": unsent,
        "unanswered": undecided,
    }


def generate(link: Link) -> None:
    """The job."""
    Crowd(link).run()
