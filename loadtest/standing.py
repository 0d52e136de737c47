"""The generator's parts of ``connections`` and ``meetings-idle``: what is only there.

They tell their parent when a phase is over, and wait until it has looked at the server.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Final

from loadtest.driving import endpoint_of
from loadtest.lean import Loop, Session, open_sessions
from loadtest.worker import Link

WARM_UP: Final = 50
FOLLOWERS: Final = 100  # Of one meeting.
TOPICS: Final = ("transcript", "messages", "notes")
CALLS_AT_ONCE: Final = 16  # Of one session.
CALLS_TIMEOUT_S: Final = 120.0


def connections(link: Link) -> None:
    """The job of ``connections``. Plan: run, idle, following, secs.

    Phases: warm, connected, followed (each more than before), rested.
    """
    plan, loop = link.plan, Loop()
    endpoint, run = endpoint_of(plan), plan["run"]

    def following(name: str, number: int) -> Session:
        target = f"meeting:{run}-{number // FOLLOWERS}"
        return Session(loop, endpoint, f"{run}-{name}{number}", target=target, topics=TOPICS)

    warm = [Session(loop, endpoint, f"{run}-w{n}") for n in range(WARM_UP)]
    open_sessions(loop, [*warm, *(following("v", n) for n in range(WARM_UP))])
    link.phase("warm")
    idle = [Session(loop, endpoint, f"{run}-i{n}") for n in range(plan["idle"])]
    open_sessions(loop, idle)
    link.phase("connected")
    followers = [following("f", n) for n in range(plan["following"])]
    open_sessions(loop, followers)
    link.phase("followed")
    ended: list[str] = []
    for session in (*idle, *followers):
        session.on_ended = ended.append
    link.ready()
    start_at = link.wait_for_start()
    loop.run(lambda: False, until=start_at + plan["secs"])
    link.phase("rested")
    link.done(
        {
            "connections_ended": len(ended),
            "ended_because": dict(Counter(ended).most_common(5)),
            "bytes_received": sum(
                session.connection.received_bytes
                for session in (*idle, *followers)
                if session.connection is not None
            ),
        }
    )


def meetings(link: Link) -> None:
    """The job of ``meetings-idle``. Plan: run, users, meetings (of each user), rounds.

    Phases: warm, then for each round ``opened N`` and ``passivated N``.
    """
    plan, loop = link.plan, Loop()
    endpoint, run = endpoint_of(plan), plan["run"]
    users = [Session(loop, endpoint, f"{run}-u{n}") for n in range(plan["users"])]
    open_sessions(loop, users)
    link.ready()
    link.wait_for_start()
    refused: Counter[str] = Counter()
    refused += _open_meetings(loop, users, f"{run}-warm", 1)
    link.phase("warm")
    for number in range(plan["rounds"]):
        refused += _open_meetings(loop, users, f"{run}-{number}", plan["meetings"])
        link.phase(f"opened {number}")
        link.phase(f"passivated {number}")
    link.done({"refused": dict(refused)})


def _open_meetings(loop: Loop, users: list[Session], name: str, count: int) -> Counter[str]:
    """Have each user open meetings of their own and leave them; return what was refused."""
    refused: Counter[str] = Counter()
    waiting = len(users) * count

    def ask(user: Session, names: Iterator[str]) -> None:
        target = next(names, None)
        if target is None:
            return

        def answer(refusal: str | None, _now: float) -> None:
            nonlocal waiting
            waiting -= 1
            if refusal is not None:
                refused[refusal] += 1
            ask(user, names)

        user.call(target, "meeting.get", {}, answer)

    for number, user in enumerate(users):
        names = iter([f"meeting:{name}-{number}-{n}" for n in range(count)])
        for _ in range(CALLS_AT_ONCE):
            ask(user, names)
    if not loop.run(lambda: waiting == 0, until=time.perf_counter() + CALLS_TIMEOUT_S):
        refused["unanswered"] += waiting
    return refused
