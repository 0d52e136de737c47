"""The generators of ``join``: people who all open one large document at once, and bystanders.

Bystanders work in meetings of their own and want nothing of it; ``rooms`` makes them. Of those who
come, every other one is an editor at the door for y-websocket, the rest are clients of the wire.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Final

from attrs import define

from loadtest.driving import endpoint_of
from loadtest.lean import Connection, Endpoint, Loop, Session, marks_in
from loadtest.peers_speech import Dialect, Speech
from loadtest.recording import Recorder
from loadtest.rooms import Rooms
from loadtest.worker import Link

BYSTANDERS: Final = "bystanders"
JOINERS: Final = "joiners"
TOPIC: Final = "notes"


@define(eq=False)
class Newcomer:
    """One who opens the document. ``has_all_at`` is ``perf_counter``; None: not yet."""

    way: str
    got_bytes: int = 0
    has_all_at: float | None = None
    failure: str | None = None

    def has(self, marks: int, expected: int, size: int) -> None:
        """Note what came with the document."""
        self.got_bytes = size
        if marks == expected:
            self.has_all_at = time.perf_counter()
        else:
            self.failure = f"{marks} of {expected} parts of the document came"


class Joiners:
    """See the module."""

    def __init__(self, link: Link) -> None:
        """Take the plan; nobody connects before their time."""
        self._link = link
        self._plan = link.plan
        self._endpoint = endpoint_of(self._plan)
        self._loop = Loop()
        self._newcomers: list[Newcomer] = []

    def run(self) -> None:
        """Wait, come all at once, wait until everybody has the document."""
        self._link.ready()
        start_at = self._link.wait_for_start()
        join_at = start_at + self._plan["join_after_s"]
        recorder = Recorder(self._link, start_at=start_at)
        recorder.tick_in(self._loop)
        for number in range(self._plan["clients"]):
            newcomer = Newcomer("yjs" if number % 2 else "v1")
            self._newcomers.append(newcomer)
            open_one = self._open_yjs if number % 2 else self._open_v1
            self._loop.call_at(join_at, partial(self._come, open_one, newcomer, number))
        self._loop.run(self._is_over, until=join_at + self._plan["join_timeout_s"])
        for newcomer in self._newcomers:
            if newcomer.has_all_at is not None:
                recorder.record(f"{newcomer.way}_joined", newcomer.has_all_at - join_at)
        recorder.flush()
        self._link.done(self._result(join_at))

    def _is_over(self) -> bool:
        return all(one.has_all_at is not None or one.failure for one in self._newcomers)

    def _come(self, open_one: Any, newcomer: Newcomer, number: int, _due: float) -> None:
        try:
            open_one(newcomer, f"newcomer-{number}")
        except OSError as error:
            newcomer.failure = str(error)

    def _open_v1(self, newcomer: Newcomer, user: str) -> None:
        target = f"meeting:{self._plan['meeting']}"
        session = Session(self._loop, self._endpoint, user, target=target, topics=(TOPIC,))

        def other(message: Any) -> None:
            if message["t"] in ("snapshot", "reset"):
                update = message["topics"][TOPIC]["update"]
                newcomer.has(len(marks_in(update)), self._plan["parts"], len(update))
            elif message["t"] in ("error", "ended", "goodbye"):
                newcomer.failure = f"{message['t']}: {message.get('code', message.get('reason'))}"

        session.on_other = other
        session.on_ended = partial(_failed, newcomer)
        session.open()

    def _open_yjs(self, newcomer: Newcomer, user: str) -> None:
        token = self._endpoint.token.format(user=user)
        speech = Speech(Dialect.PLAIN, self._plan["meeting"], token)
        path = f"/yjs/{self._plan['meeting']}?token={token}"

        def opened() -> None:
            for message in speech.hello():
                connection.send(message)

        def arrived(payload: bytes) -> None:
            kind = speech.kind_of(payload)
            if kind == "step 1":
                connection.send(speech.have_nothing())
            elif kind == "step 2":
                newcomer.has(len(marks_in(payload)), self._plan["parts"], len(payload))
            elif kind == "denied":
                newcomer.failure = "denied"

        connection = Connection(
            self._loop,
            Endpoint(self._endpoint.host, self._endpoint.port, path),
            on_opened=opened,
            on_message=arrived,
            on_closed=partial(_failed, newcomer),
        )

    def _result(self, join_at: float) -> dict[str, Any]:
        joined = [one.has_all_at for one in self._newcomers if one.has_all_at is not None]
        return {
            "joined": len(joined),
            "failures": [one.failure for one in self._newcomers if one.failure][:5],
            "last_after_s": max(joined, default=join_at) - join_at,
            "got_bytes": sum(one.got_bytes for one in self._newcomers),
        }


def _failed(newcomer: Newcomer, why: str) -> None:
    if newcomer.has_all_at is None:
        newcomer.failure = why


def generate(link: Link) -> None:
    """The job."""
    if link.plan["role"] == BYSTANDERS:
        Rooms(link).run()
    else:
        Joiners(link).run()
