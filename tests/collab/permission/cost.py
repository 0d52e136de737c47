"""``python -m tests.collab.permission.cost``: what asking for permission costs a request.

The same request, made once as it is and once to an actor that is told that everybody may, in turn;
then the question by itself, for each kind of caller. Prints one JSON line; times are CPU
microseconds, medians.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any, Final

import trio

from collab.allowances import DEFAULTS, Allowances
from collab.app import App, open_app
from collab.chat.commands import AddMember, CreateChat, GetChat
from collab.kind import Caller
from collab.live import LiveActor
from collab.requests import Look
from collab.standing import Change, Standings

ROUNDS: Final = 2_000
CHUNK: Final = 50
BUDGET_US: Final = 50.0


def timed_us(call: Callable[[], object]) -> float:
    """Return the median CPU time of one *call*, in microseconds."""
    times = []
    for _ in range(ROUNDS // 10):
        start = time.process_time_ns()
        for _ in range(CHUNK):
            call()
        times.append((time.process_time_ns() - start) / CHUNK / 1000)
    return median(times)


async def _requests_us(app: App, actor: LiveActor) -> tuple[float, float]:
    """Return what a request costs, and what it costs if nobody asks: turn by turn."""
    ref = app.system.ref("chat", "c")
    ben = Caller("ben", address="10.0.0.1")
    asked = actor.is_permitted
    with_us: list[float] = []
    without_us: list[float] = []
    for _ in range(ROUNDS):
        for times, question in ((with_us, asked), (without_us, lambda _caller, _action: True)):
            actor.is_permitted = question  # type: ignore[method-assign]
            start = time.process_time_ns()
            await ref.ask(Look(ben, GetChat()), timeout_s=5)
            times.append((time.process_time_ns() - start) / 1000)
    actor.is_permitted = asked  # type: ignore[method-assign]
    return median(with_us), median(without_us)


async def measure() -> dict[str, Any]:
    """Return the figures."""
    actors: list[LiveActor] = []
    async with open_app(None) as app:
        await app.do("chat:c", CreateChat(title="t"), user_id="ann")
        for number in range(200):
            await app.do("chat:c", AddMember(user_id=f"u{number}", role="viewer"), user_id="ann")
        await app.do("chat:c", AddMember(user_id="ben", role="editor"), user_id="ann")

        actors = [one for one in gc.get_objects() if type(one) is LiveActor]
        (actor,) = [one for one in actors if one.actor_id == "chat:c"]
        with_us, without_us = await _requests_us(app, actor)
        bot = Caller("ben", scopes=frozenset({"chat:messages.post", "chat:chat.get"}))
        questions = {
            "member": timed_us(lambda: actor.is_permitted(Caller("ben"), "chat.get")),
            "stranger": timed_us(lambda: actor.is_permitted(Caller("eve"), "chat.get")),
            "service": timed_us(lambda: actor.is_permitted(bot, "chat.get")),
        }
    allowances = Allowances(time.monotonic, DEFAULTS)
    standings = Standings()
    standings.apply([Change(user_id="ben", at_ms=5, org_id="o", role="member")])
    ben = Caller("ben", org_id="o", org_role="admin")

    def spend() -> None:
        try:
            allowances.spend("members.add", user_id="ben", address="10.0.0.1:1")
        except Exception:  # noqa: BLE001 -- a refusal is an answer like any other here
            return

    return {
        "scenario": "permissions",
        "request_us": round(with_us, 2),
        "request_unasked_us": round(without_us, 2),
        "added_us": round(max(with_us - without_us, 0.0), 2),
        "question_us": {name: round(value, 2) for name, value in questions.items()},
        "allowance_us": round(timed_us(spend), 2),
        "standing_us": round(timed_us(lambda: standings.corrected(ben, {})), 2),
        "budget_us": BUDGET_US,
        "is_within_budget": with_us - without_us <= BUDGET_US,
    }


if __name__ == "__main__":
    print(json.dumps(trio.run(measure)))
