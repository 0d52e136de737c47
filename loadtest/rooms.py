"""The generator's part of ``meetings``: people in meetings who speak, write, post and ask.

Everybody is a connection of their own. Whatever is said carries its number, and everybody's
account says in the end what did not arrive, came twice or out of order.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from attrs import asdict

from loadtest.driving import endpoint_of
from loadtest.lean import Endpoint, Loop, Session, Stream, Verdict, marks_in, open_sessions
from loadtest.recording import Recorder
from loadtest.saying import CHUNK, EDIT, MESSAGE, QUERY, chunks, edits, messages, queries
from loadtest.sender import Sender
from loadtest.worker import Link

TOPICS: Final = ("transcript", "messages", "notes")
DRAIN_S: Final = 15.0  # For what is still on its way at the end, unless the plan says.
CLIENT_IDS: Final = 2**31


class Room:
    """One meeting: its transcriber, its participants, what they send."""

    def __init__(self, loop: Loop, endpoint: Endpoint, name: str, participants: int) -> None:
        """Describe it; nothing is opened yet."""
        self.target = f"meeting:{name}"
        self.transcriber = Session(loop, endpoint, f"{name}-t")
        self.participants = [
            Session(loop, endpoint, f"{name}-p{n}", target=self.target, topics=TOPICS)
            for n in range(participants)
        ]
        self.streams: list[Stream] = []
        self.delivered = 0
        self._newest = b""
        self._marks: list[tuple[int, int]] = []

    def listen(self, session: Session, recorder: Recorder) -> None:
        """Take what *session* gets."""
        account = session.account
        names = [f"{stream.sort}_delivered" for stream in self.streams]

        def events(payload: bytes, now: float) -> None:
            if payload != self._newest:  # All receivers get the same bytes: they are read once.
                self._newest = payload
                self._marks = marks_in(payload)
            for stream, number in self._marks:
                if account.take(stream, number) and stream < len(names):
                    self.delivered += 1
                    due = self.streams[stream].due(number)
                    recorder.histograms[names[stream]].record(now - due)

        session.on_events = events

    @property
    def told(self) -> list[Stream]:
        """Streams that are delivered to the participants."""
        return [stream for stream in self.streams if stream.sort != QUERY]

    def is_quiet(self) -> bool:
        """Say whether everything was answered and has arrived everywhere."""
        if any(stream.undecided for stream in self.streams):
            return False
        said = sum(stream.sent - len(stream.refused) for stream in self.told)
        return self.delivered >= said * len(self.participants)

    def said(self) -> dict[str, Any]:
        """Return what was sent, for whoever reads it back: the fields of ``durability.Said``."""
        undecided = {
            str(stream.id): sorted(stream.undecided | stream.refused.keys())
            for stream in self.told
            if stream.undecided or stream.refused
        }
        return {
            "target": self.target,
            "user": self.participants[0].user if self.participants else self.transcriber.user,
            "sent": {str(stream.id): stream.sent for stream in self.told},
            "undecided": undecided,
        }

    def verdict(self) -> Verdict:
        """Return everybody's faults together."""
        return sum((one.account.verdict(self.told) for one in self.participants), Verdict())


class Rooms:
    """All meetings of one generator."""

    def __init__(self, link: Link) -> None:
        """Take the plan: see ``loadtest.meetings`` for its words."""
        plan = link.plan
        self._link = link
        self._plan = plan
        self._rng = random.Random(f"{plan['seed']}-{plan['generator']}")
        self._loop = Loop()
        endpoint = endpoint_of(plan)
        self._rooms = [
            Room(self._loop, endpoint, f"{plan['run']}-{number}", plan["participants"])
            for number in plan["rooms"]
        ]
        self._senders: list[Sender] = []
        self._ended: list[str] = []

    def run(self) -> None:
        """Open, wait for the start, run, drain, report."""
        everybody = [
            session for room in self._rooms for session in (*room.participants, room.transcriber)
        ]
        open_sessions(self._loop, everybody)
        for session in everybody:
            session.on_ended = self._ended.append
        self._link.ready()
        start_at = self._link.wait_for_start()
        end_at = start_at + self._plan["secs"]
        recorder = Recorder(self._link, start_at=start_at)
        for room in self._rooms:
            self._begin(room, recorder, start_at, end_at)
        recorder.tick_in(self._loop)
        self._loop.run(lambda: False, until=end_at)
        self._drain(end_at + self._plan.get("drain_secs", DRAIN_S))
        recorder.flush()
        self._link.done(self._result())

    def _begin(self, room: Room, recorder: Recorder, start_at: float, end_at: float) -> None:
        """Start everybody's streams, each at a random place of its own period."""
        rates = self._plan["per_s"]

        def sender(session: Session, sort: str) -> Sender:
            period_s = 1 / rates[sort]
            first_due = start_at + self._rng.random() * period_s
            stream = Stream(len(room.streams), sort, first_due, period_s)
            room.streams.append(stream)
            made = Sender(self._loop, recorder, session, room.target, stream)
            self._senders.append(made)
            return made

        if rates[CHUNK]:
            speaking = sender(room.transcriber, CHUNK)
            speaking.start(chunks(speaking.stream), end_at)
        for session in room.participants:
            if rates[EDIT]:
                editing = sender(session, EDIT)
                editing.start(edits(editing.stream, self._client_ids()), end_at)
            if rates[MESSAGE]:
                posting = sender(session, MESSAGE)
                posting.start(messages(posting.stream), end_at)
            if rates[QUERY]:
                asking = sender(session, QUERY)
                asking.start(queries(asking.stream), end_at)
        for session in room.participants:
            room.listen(session, recorder)

    def _client_ids(self) -> Iterator[int]:
        while True:
            yield 1 + self._rng.randrange(CLIENT_IDS)

    def _drain(self, until: float) -> None:
        waiting, sending = list(self._rooms), list(self._senders)

        def is_over() -> bool:
            while sending and sending[-1].is_finished:
                sending.pop()
            if sending:
                return False
            while waiting and waiting[-1].is_quiet():
                waiting.pop()
            return not waiting

        self._loop.run(is_over, until=until)

    def _result(self) -> dict[str, Any]:
        verdict = sum((room.verdict() for room in self._rooms), Verdict())
        streams = [stream for room in self._rooms for stream in room.streams]
        refused = Counter(code for stream in streams for code in stream.refused.values())
        sent: Counter[str] = Counter()
        for stream in streams:
            sent[stream.sort] += stream.sent
        return {
            **asdict(verdict),
            "sent": dict(sent),
            "refused": dict(refused),
            "unanswered": sum(len(stream.undecided) for stream in streams),
            "unsent": sum(sender.unsent for sender in self._senders),
            "delivered": sum(room.delivered for room in self._rooms),
            "connections_ended": len(self._ended),
            "said": [room.said() for room in self._rooms[: self._plan.get("tell_rooms", 0)]],
            "ended_because": dict(Counter(self._ended).most_common(5)),
        }


def generate(link: Link) -> None:
    """The job."""
    Rooms(link).run()
