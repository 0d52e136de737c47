"""The generator of ``peers``: everybody of many documents, in one loop, the same for every server.

It opens all connections, writes at due times (open loop: an edit's latency counts from when it was
due, so a generator or server that stalls is seen), and enters what arrives. The work begins with a
warm-up whose deliveries are checked but not timed; then ``on_window`` marks the beginning of
what is measured.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from attrs import define, field, frozen

from loadtest.edits import Typist
from loadtest.histogram import Histogram
from loadtest.lean import Account, Connection, Endpoint, Loop, Stream, Verdict, marks_in
from loadtest.peers_speech import Dialect, Speech

OPENING_AT_ONCE: Final = 50  # Below every server's listen backlog.
OPENING_TIMEOUT_S: Final = 60.0
DRAIN_TIMEOUT_S: Final = 10.0  # After the last edit, for what is still under way.
FIRST_CLIENT_ID: Final = 1_000


class ServerLeft(Exception):
    """A server did not let somebody in, or closed a connection during the work."""


@frozen(kw_only=True)
class Work:
    """What is written: *docs* documents of *clients* people, each writing *rate* edits a second."""

    docs: int
    clients: int
    rate: float
    secs: float
    warm_up_s: float = 2.0
    seed: int = 0


@frozen(kw_only=True)
class Place:
    """Where a server takes documents: ``path`` holds ``{document}`` and ``{token}``."""

    port: int
    path: str
    dialect: Dialect
    token: str = "dev:u{author}"

    def endpoint(self, document: str, author: int) -> Endpoint:
        """Return the address of *document* for that client."""
        token = self.token.format(author=author)
        return Endpoint("127.0.0.1", self.port, self.path.format(document=document, token=token))


@frozen(kw_only=True)
class Run:
    """What came of it: counts of the measured window, faults of the whole run."""

    sent: int
    delivered: int
    echoes: int  # Of the whole run: edits that came back to their author.
    strangers: int  # Of the whole run: marks of another document.
    latency: Histogram  # From due to delivered.
    late: Histogram  # Of the generator: from due to sent.
    faults: Verdict
    generator_share: float  # Of one core, during the window.


@define(eq=False)
class _Person:
    """One client at its document."""

    document: int
    author: int
    speech: Speech
    pen: Typist
    stream: Stream  # What it writes.
    account: Account = field(factory=Account)  # What it got of the others.
    connection: Connection | None = None
    is_ready: bool = False  # It has what the document had when it came.


class Crowd:
    """See the module. One per run; ``run`` blocks its thread."""

    def __init__(
        self, work: Work, place: Place, *, name: str, drain_s: float = DRAIN_TIMEOUT_S
    ) -> None:
        """Prepare everybody; *name* makes the documents' names unlike those of other runs."""
        self._drain_s = drain_s
        self._work = work
        self._place = place
        self._loop = Loop()
        self._latency = Histogram()
        self._late = Histogram()
        self._rng = random.Random(work.seed)
        self._counts_from = math.inf  # Edits due from here on belong to the measured window.
        self._sent = 0  # In the window; the others count the whole run.
        self._owed = 0
        self._echoes = 0
        self._strangers = 0
        self._writes_until = 0.0
        self._left: str | None = None
        self._people = [
            self._person(f"{name}-{document}", document, author)
            for document in range(work.docs)
            for author in range(work.clients)
        ]

    def _person(self, document: str, number: int, author: int) -> _Person:
        speech = Speech(self._place.dialect, document, self._place.token.format(author=author))
        serial = number * self._work.clients + author
        stream = Stream(serial, "edit", period_s=1 / self._work.rate)
        return _Person(number, author, speech, Typist(FIRST_CLIENT_ID + serial), stream)

    def run(self, on_window: Callable[[], None]) -> Run:
        """Do the work; call *on_window* when the measured part begins.

        Raises:
          ServerLeft: somebody was refused, or a connection ended.

        Returns when everything has arrived, or *drain_s* after the last edit.
        """
        try:
            self._open_all()
            start = time.perf_counter()
            self._schedule(start)
            self._go(until=start + self._work.warm_up_s)
            on_window()
            wall, cpu = time.perf_counter(), time.process_time()
            self._go(until=self._writes_until)
            share = (time.process_time() - cpu) / (time.perf_counter() - wall)
            drained = time.perf_counter() + self._drain_s
            self._go(until=drained, is_over=lambda: self._owed <= 0)
        finally:
            for person in self._people:
                if person.connection is not None:
                    person.connection.close()
            self._loop.close()
        return Run(
            sent=self._sent,
            delivered=self._latency.total,
            echoes=self._echoes,
            strangers=self._strangers,
            latency=self._latency,
            late=self._late,
            faults=self._faults(),
            generator_share=share,
        )

    def _faults(self) -> Verdict:
        """Compare what was written with what each of the others got."""
        rooms: dict[int, list[Stream]] = {}
        for person in self._people:
            person.stream.undecided.clear()  # Nobody acknowledges: every edit is owed to everybody.
            rooms.setdefault(person.document, []).append(person.stream)
        return sum(
            (
                person.account.verdict(
                    [stream for stream in rooms[person.document] if stream is not person.stream]
                )
                for person in self._people
            ),
            start=Verdict(),
        )

    def _go(self, *, until: float, is_over: Callable[[], bool] = lambda: False) -> bool:
        came = self._loop.run(lambda: self._left is not None or is_over(), until=until)
        if self._left is not None:
            raise ServerLeft(self._left)
        return came

    # ------------------------------------------------------------ opening

    def _open_all(self) -> None:
        deadline = time.perf_counter() + OPENING_TIMEOUT_S
        for first in range(0, len(self._people), OPENING_AT_ONCE):
            wave = self._people[first : first + OPENING_AT_ONCE]
            for person in wave:
                self._open(person)
            if not self._go(until=deadline, is_over=partial(_are_in, wave)):
                raise ServerLeft(f"only {first} clients are in after {OPENING_TIMEOUT_S} s")

    def _open(self, person: _Person) -> None:
        def opened() -> None:
            for message in person.speech.hello():
                connection.send(message)

        def arrived(payload: bytes) -> None:
            if marks := marks_in(payload):
                self._arrived(person, marks, time.perf_counter())
            else:
                self._greeted(person, payload)

        def closed(reason: str) -> None:
            self._left = f"{person.speech.document}: {reason} ({connection.close_code})"

        connection = Connection(
            self._loop,
            self._place.endpoint(person.speech.document, person.author),
            on_opened=opened,
            on_message=arrived,
            on_closed=closed,
        )
        person.connection = connection

    def _greeted(self, person: _Person, payload: bytes) -> None:
        """A message without edits: the server says what it has, or asks what we have."""
        assert person.connection is not None
        kind = person.speech.kind_of(payload)
        if kind == "step 1":
            person.connection.send(person.speech.have_nothing())
        elif kind == "step 2":
            person.is_ready = True
        elif kind == "denied":
            self._left = f"{person.speech.document}: access was denied"

    # ------------------------------------------------------------ writing

    def _schedule(self, start: float) -> None:
        """Give everybody a first due time, spread over one period; then one each period."""
        self._counts_from = start + self._work.warm_up_s
        self._writes_until = self._counts_from + self._work.secs
        for person in self._people:
            person.stream.first_due = start + self._rng.random() * person.stream.period_s
            self._write_next(person)

    def _write_next(self, person: _Person) -> None:
        due_s = person.stream.due(person.stream.sent)
        if due_s < self._writes_until:
            self._loop.call_at(due_s, lambda due: self._write(person, due))

    def _write(self, person: _Person, due_s: float) -> None:
        assert person.connection is not None
        mark = person.stream.mark(person.stream.take_number())
        if not person.connection.send(person.speech.update(person.pen.type(mark))):
            self._left = self._left or f"{person.speech.document}: the server does not read"
        self._owed += self._work.clients - 1
        if due_s >= self._counts_from:
            self._sent += 1
            self._late.record(time.perf_counter() - due_s)
        self._write_next(person)

    # ------------------------------------------------------------ reading

    def _arrived(self, person: _Person, marks: list[tuple[int, int]], now: float) -> None:
        for serial, number in marks:
            if serial == person.stream.id:
                self._echoes += 1
            elif serial // self._work.clients != person.document:
                self._strangers += 1
            elif person.account.take(serial, number):
                self._owed -= 1
                due_s = self._people[serial].stream.due(number)
                if due_s >= self._counts_from:
                    self._latency.record(now - due_s)


def _are_in(people: list[_Person]) -> bool:
    return all(person.is_ready for person in people)
