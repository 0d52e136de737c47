"""The end of a run: everything has healed. Who may know something knows it, and all agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import pycrdt
import trio

from collab.kind import Caller
from tests.simulation.device import ROOT, Device
from tests.simulation.history import History, plainly
from tests.simulation.script import CHAT, MEMBER, TARGETS, USERS

if TYPE_CHECKING:
    from tests.simulation.world import World

SETTLE_S: Final = 300.0  # Keepalives, backoffs and retries of signals end long before.
_LOOK_S: Final = 1.0
_NOTES: Final = frozenset({"notes", "presence"})  # What a live document follows.


async def settle(world: World) -> None:
    """Wait until nothing is missing; note what still is after ``SETTLE_S``; compare everything."""
    end_s = trio.current_time() + SETTLE_S
    while trio.current_time() < end_s and (_missing(world) or _apart(world)):  # noqa: ASYNC110
        await trio.sleep(_LOOK_S)
    if missing := _missing(world):
        world.judge.fault("S1.8", missing)
        return
    if apart := _apart(world):
        world.judge.fault("S1.7", apart)
        return
    _check_snapshots(world)
    for target in TARGETS:
        _check_notes(world, target)


def _missing(world: World) -> str | None:
    """Return what is still to come, but for documents; None: nothing."""
    for device in world.devices:
        if device.failed is not None:
            return f"{device.name} was refused for good: {device.failed}"
        if device.calls_open:
            return f"{device.calls_open} calls of {device.name} are open"
        for stream in device.streams:
            history = world.judge.history(stream.target)
            if _may_follow(world, device, history, stream.topics) and stream.missing is not None:
                return f"{device.name} has not seen {stream.target} {stream.missing}"
        for target, live in device.live.items():
            if live is not None and device.unsaved[target]:
                return f"{device.name} has unsaved words in {target}"
    return _stale_list(world)


def _apart(world: World) -> str | None:
    """Return whose document is not that of the journal; None: all hold the same."""
    behind = (_behind(world, target) for target in TARGETS)
    return next((what for what in behind if what is not None), None)


def _may_follow(world: World, device: Device, history: History, topics: frozenset[str]) -> bool:
    """Say whether *device* may, as things stand at last. Presence goes with another topic."""
    tap = world.judge.taps.get(device.number)
    org_roles = (tap and tap.org_roles) or {MEMBER}
    read = {history.kind.presence_with if topic == "presence" else topic for topic in topics}
    now = history.seq
    return all(
        history.is_permitted(
            device.user, f"read:{topic}", org_roles=org_roles, since=now, until=now
        )
        for topic in read
    )


# ---------------------------------------------------------------- documents


def _document(history: History) -> pycrdt.Doc[Any]:
    """Return the document that the journal's updates make, without any of our code."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    for entry in history.entries[1:]:
        assert entry is not None
        if update := getattr(entry.event, "update", None):
            doc.apply_update(update)
    return doc


def _text(doc: pycrdt.Doc[Any]) -> str:
    return str(doc.get(ROOT, type=pycrdt.Text))


def _behind(world: World, target: str) -> str | None:
    history = world.judge.history(target)
    words = _text(_document(history))
    for device in world.devices:
        live = device.live[target]
        if not (_holds(device, target) and _may_follow(world, device, history, _NOTES)):
            continue
        if live is None:
            return f"{device.name} does not hold the notes of {target}"
        if _text(live.doc) != words:
            return f"{device.name} reads {_text(live.doc)!r} in {target}, the journal {words!r}"
    return None


def _holds(device: Device, target: str) -> bool:
    return device.number == 0 or target == TARGETS[device.number % 2]


def _check_notes(world: World, target: str) -> None:
    words = _text(_document(world.judge.history(target)))
    erased = set().union(*(device.erased for device in world.devices))
    for device in world.devices:
        lost = sorted(m for m in device.saved[target] - erased if words.count(m) != 1)
        if lost:
            world.judge.fault("S1.7", f"{lost} of {device.name}, saved, are not once in {words!r}")


# ---------------------------------------------------------------- snapshots, lists


def _check_snapshots(world: World) -> None:
    """Every snapshot shows the state after its seq: what came before it, and nothing else."""
    judge = world.judge
    states: dict[str, tuple[int, Any]] = {}
    for target, user, seq, topics in sorted(judge.snapshots, key=lambda s: (s[0], s[2], s[1])):
        history = judge.history(target)
        at, state = states.get(target, (0, history.kind.new_state(target.partition(":")[2])))
        for n in range(at + 1, seq + 1):
            entry = history.entries[n]
            assert entry is not None
            history.kind.events[type(entry.event)](state, entry.event, entry.stamp(n))
        states[target] = (seq, state)
        for name, shown in topics.items():
            topic = history.kind.topics[name]  # None of these depends on the time.
            expected = plainly(topic.shown(state, Caller(user), 0))
            if name != "notes" and plainly(shown) != expected:
                judge.fault("S1.4", f"snapshot of {name} of {target} at {seq} is {shown}")


def _stale_list(world: World) -> str | None:
    """Return whose list of meetings and chats is not as it should be: signals are at work."""
    states = {}
    for target in TARGETS:
        history = world.judge.history(target)
        states[target] = history.state_at(history.seq)
    for user in USERS:
        history = world.judge.history(f"user:{user}")
        listed: Mapping[str, Any] = history.state_at(history.seq).items
        for target, state in states.items():
            entry = listed.get(target)
            found = None if entry is None else (entry.title, entry.role)
            if found != _listed(target, state, user):
                return f"the list of {user} has {target} as {found}"
    return None


def _listed(target: str, state: Any, user: str) -> tuple[str, str] | None:
    """Return title and role under which *target* should be on the list of *user*."""
    if target == CHAT:
        role = state.members.get(user)
    else:
        person = state.people.get(user)
        is_in = person is not None and person.standing in ("invited", "joined")
        role = person.role if is_in else None
    return None if role is None else (state.title, role)
