"""What happens in a run: a list of steps, made from a seed, or read from a file.

A script is plain data, so that a failing one can be made smaller, kept, and replayed after the
generator has changed. Steps that make no sense any more (an edit of a message that was never
posted) do nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from types import MappingProxyType
from typing import Any, Final

from attrs import asdict, evolve, frozen

MEETING: Final = "meeting:m1"
CHAT: Final = "chat:c1"
TARGETS: Final = (MEETING, CHAT)
USERS: Final = ("ann", "ben", "cyd", "dan", "eve")  # ann owns both; eve is in neither.
# Everybody is in one organisation, which the meeting belongs to; their tokens say as what.
ORG: Final = "o1"
MEMBER: Final = "member"
ADMIN: Final = "admin"
DEVICES: Final = ("ann", "ben", "ben", "cyd", "dan", "eve")  # Whose they are.
STEPS_MEAN: Final = 70
AIMED_EVERY: Final = 8
_AIMED_ROUNDS: Final = 10


@frozen
class Step:
    """One thing that happens, *gap_ms* after the one before; *device* does it, or suffers it."""

    gap_ms: int
    what: str
    device: int = 0
    args: Mapping[str, Any] = MappingProxyType({})

    @property
    def is_fault(self) -> bool:
        """True if it happens to people, rather than being done by them."""
        return self.what in FAULTS


@frozen(kw_only=True)
class Knobs:
    """The world of one run. Small bounds bring rare paths about."""

    delay_ms: int = 20  # Of a link, on average.
    window_bytes: int = 65_536  # Of a link, in each direction.
    disk_ms: int = 10  # Longest usual wait for the disk.
    idle_s: float = 60.0  # Until an actor leaves memory.
    snapshot_every: int = 1_000
    ring_len: int = 2_048
    message_tail_len: int = 100  # Beyond it pages and edits read storage.
    catch_up_max: int = 20_000
    page_len: int = 64
    outbox_soft_bytes: int = 262_144
    follow_buffer: int = 10_000
    token_ttl_s: int = 3_600
    encodings: str = "mmmmmm"  # Of each device: m MessagePack, j JSON.


@frozen
class Script:
    """Everything that decides a run. *seed* is for delays, jitter and the scheduler."""

    seed: int
    knobs: Knobs
    steps: Sequence[Step]

    def to_json(self) -> str:
        """Return it as a file; inverse of :func:`read_script`."""
        steps = [[s.gap_ms, s.what, s.device, dict(s.args)] for s in self.steps]
        head = json.dumps({"seed": self.seed, "knobs": asdict(self.knobs)})
        lines = ",\n  ".join(json.dumps(step) for step in steps)
        return f'{head[:-1]}, "steps": [\n  {lines}\n]}}\n'


def read_script(text: str) -> Script:
    """Read a script from a file.

    Raises:
      ValueError, KeyError, TypeError: it is none.
    """
    held = json.loads(text)
    steps = [Step(gap_ms, what, device, args) for gap_ms, what, device, args in held["steps"]]
    return Script(held["seed"], Knobs(**held["knobs"]), steps)


# ---------------------------------------------------------------- generating


def generate(seed: int) -> Script:
    """Return the script of *seed*. Of each ``AIMED_EVERY`` one is aimed at a single race."""
    rng = Random(f"script {seed}")
    if seed % AIMED_EVERY == AIMED_EVERY - 1:
        # A slow disk and a ring that reaches nowhere: storage is read while it is written.
        knobs = evolve(_knobs(rng), disk_ms=50, ring_len=2, message_tail_len=2, delay_ms=1)
        return Script(seed, knobs, list(_aimed(rng)))
    steps: list[Step] = []
    for _ in range(rng.randint(STEPS_MEAN // 2, STEPS_MEAN * 3 // 2)):
        step = _step(rng)
        if step.what in _CROSSED and rng.random() < 0.6:
            steps += _read_before(step, rng)
        steps.append(step)
    return Script(seed, _knobs(rng), steps)


def _aimed(rng: Random) -> Iterator[Step]:
    """Let somebody into the chat, and shut them out while they read and follow, again and again."""
    for round_number in range(_AIMED_ROUNDS):
        user = rng.choice(USERS[1:])
        person = {"on": 1, "user": user, "role": rng.randrange(2)}
        device = DEVICES.index(user)
        yield Step(500, "let_in", 0, person)
        for _ in range(4):
            yield Step(0, "post", 0, {"on": 1, "size": 1})
        yield Step(200, "page", device, {"on": 1, "nth": round_number})
        yield Step(0, "follow_again", device, {"nth": 3, "anew": False})
        yield Step(rng.choice((0, 5, 20, 40)), "shut_out", 0, person)
        for _ in range(rng.randrange(3)):
            yield Step(rng.choice((5, 20)), "page", device, {"on": 1, "nth": round_number})


def _read_before(step: Step, rng: Random) -> list[Step]:
    """Have whom *step* concerns read at the same moment: the two will cross."""
    device = DEVICES.index(step.args["user"])
    where = {"on": step.args["on"], "nth": rng.randrange(5), "anew": False}
    return [Step(0, what, device, where) for what in ("page", "follow_again")[: rng.randint(1, 2)]]


def _knobs(rng: Random) -> Knobs:
    return Knobs(
        delay_ms=rng.choice((1, 20, 20, 200)),
        window_bytes=rng.choice((512, 4_096, 65_536)),
        disk_ms=rng.choice((0, 2, 10, 50)),
        idle_s=rng.choice((0.5, 5.0, 60.0)),
        snapshot_every=rng.choice((1, 7, 30, 1_000)),
        ring_len=rng.choice((2, 16, 2_048)),
        message_tail_len=rng.choice((2, 5, 100)),
        catch_up_max=rng.choice((5, 40, 20_000, 20_000)),
        page_len=rng.choice((1, 8, 64)),
        outbox_soft_bytes=rng.choice((300, 2_000, 262_144)),
        follow_buffer=rng.choice((3, 20, 10_000)),
        token_ttl_s=rng.choice((2, 60, 3_600)),
        encodings="".join(rng.choice("mmj") for _ in DEVICES),
    )


def _step(rng: Random) -> Step:
    names, weights = _NAMES, _WEIGHTS
    what = rng.choices(names, weights)[0]
    gap_ms = rng.choice((0, 0, 0, 1, 10, 10, 50, 200, 1_000))
    is_owners = what in _BY_OWNER and rng.random() < 0.9
    device = 0 if is_owners else rng.randrange(len(DEVICES))
    return Step(gap_ms, what, device, _ARGS.get(what, _no_args)(rng))


def _no_args(_rng: Random) -> dict[str, Any]:
    return {}


def _target(rng: Random) -> dict[str, Any]:
    return {"on": rng.randrange(2)}


def _nth(rng: Random) -> dict[str, Any]:
    return {"on": rng.randrange(2), "nth": rng.randrange(100)}


def _person(rng: Random) -> dict[str, Any]:
    return {"on": rng.randrange(2), "user": rng.choice(USERS[1:]), "role": rng.randrange(4)}


def _bytes(rng: Random) -> dict[str, Any]:
    return {"bytes": rng.choice((0, 1, rng.randrange(400), rng.randrange(3_000)))}


def _while(rng: Random) -> dict[str, Any]:
    return {"ms": rng.choice((50, 500, 3_000, 20_000))}


_ARGS: Final[Mapping[str, Callable[[Random], dict[str, Any]]]] = MappingProxyType(
    {
        "post": lambda rng: {**_target(rng), "size": rng.choice((1, 1, 10, 60))},
        "edit": _nth,
        "delete": _nth,
        "react": _nth,
        "chunk": lambda rng: {
            "segment": rng.randrange(6),
            "final": rng.random() < 0.3,
            "leap_s": rng.choice((0, 1, 1, 20, 90)),
        },
        "same_chunk": _no_args,
        "write": _nth,
        "erase": _nth,
        "rename": _target,
        "publish": lambda rng: {"turn": rng.random() < 0.6},
        "let_in": _person,
        "shut_out": _person,
        "set_role": _person,
        "leave": _target,
        "join": _no_args,
        "page": _nth,
        "look": _target,
        "storm": lambda rng: {**_target(rng), "calls": rng.choice((30, 100, 400)), "ms": 8_000},
        "token": lambda rng: {"user": rng.choice((*USERS[1:], "eve")), "admin": rng.random() < 0.5},
        "show": _target,
        "follow_again": lambda rng: {"nth": rng.randrange(4), "anew": rng.random() < 0.3},
        "cut_up": _bytes,
        "cut_down": _bytes,
        "hold_up": _while,
        "hold_down": _while,
        "refuse": _while,
        "disk": lambda rng: {
            "fault": rng.choices(
                ("slow", "lost", "stored", "broken", "broken_stored"), (6, 4, 4, 1, 1)
            )[0]
        },
        "crash": _while,
        "drain": _while,
        "clock": lambda rng: {"ms": rng.choice((-3_600_000, -1_000, 1_000, 70_000, 3_600_000))},
    }
)
_WEIGHTS_BY_NAME: Final[Mapping[str, float]] = MappingProxyType(
    {
        # What people do.
        "post": 16,
        "edit": 4,
        "delete": 5,
        "react": 4,
        "chunk": 10,
        "same_chunk": 2,
        "write": 8,
        "erase": 2,
        "rename": 3,
        "publish": 4,
        "let_in": 7,
        "shut_out": 5,
        "set_role": 3,
        "leave": 2,
        "join": 3,
        "page": 5,
        "look": 3,
        "show": 2,
        "end": 0.1,
        # What clients do without being asked: all of it is recovery.
        "follow_again": 3,
        "reopen": 1.5,
        "token": 4,
        "storm": 0.4,
        # What happens to them.
        "cut": 6,
        "cut_up": 6,
        "cut_down": 8,
        "finish_up": 2,
        "finish_down": 2,
        "hold_up": 2,
        "hold_down": 3,
        "refuse": 1,
        "disk": 3,
        "crash": 2,
        "drain": 1,
        "clock": 1,
    }
)
_NAMES: Final = tuple(_WEIGHTS_BY_NAME)
_WEIGHTS: Final = tuple(_WEIGHTS_BY_NAME.values())
_CROSSED: Final = frozenset({"shut_out", "set_role"})
_BY_OWNER: Final = frozenset({"let_in", "shut_out", "set_role", "publish", "end"})
FAULTS: Final = frozenset(_NAMES[_NAMES.index("cut") :])
