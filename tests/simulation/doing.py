"""What each step of a script does. Synchronous: it starts things, and waits for none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import trio

from tests.simulation.device import Device
from tests.simulation.disk import DiskFault
from tests.simulation.script import ADMIN, CHAT, MEETING, MEMBER, TARGETS

if TYPE_CHECKING:
    from tests.simulation.links import Direction
    from tests.simulation.world import World

Args = Mapping[str, Any]
_MEETING_ROLES: Final = ("speaker", "attendee", "transcriber", "host")
_CHAT_ROLES: Final = ("editor", "viewer")

# ---------------------------------------------------------------- what people do


def _post(_world: World, device: Device, args: Args) -> None:
    text = f"{device.name} says " + "x" * 40 * args["size"]
    device.ask(TARGETS[args["on"]], "messages.post", {"text": text})


def _message(device: Device, args: Args) -> int | None:
    posted = device.posted[TARGETS[args["on"]]]
    return posted[args["nth"] % len(posted)] if posted else None


def _edit(_world: World, device: Device, args: Args) -> None:
    if message := _message(device, args):
        text = f"edit {args['nth']}"
        device.ask(TARGETS[args["on"]], "messages.edit", {"id": message, "text": text})


def _delete(_world: World, device: Device, args: Args) -> None:
    if message := _message(device, args):
        device.ask(TARGETS[args["on"]], "messages.delete", {"id": message})


def _react(_world: World, device: Device, args: Args) -> None:
    if message := _message(device, args):
        react = {"id": message, "emoji": "+", "on": args["nth"] % 3 > 0}
        device.ask(TARGETS[args["on"]], "messages.react", react)


def _chunk(_world: World, device: Device, args: Args) -> None:
    before = device.chunks[-1]["start_ms"] if device.chunks else 0
    start_ms = before + 1_000 * args["leap_s"]
    chunk = {
        "provider": device.name,
        "segment": f"g{args['segment']}",
        "revision": len(device.chunks),
        "speaker": device.user,
        "start_ms": start_ms,
        "end_ms": start_ms + 500,
        "text": f"{device.name} spoke {len(device.chunks)}",
        "is_final": args["final"],
    }
    device.chunks.append(chunk)
    device.ask(MEETING, "transcript.add", chunk)


def _same_chunk(_world: World, device: Device, _args: Args) -> None:
    if device.chunks:
        device.ask(MEETING, "transcript.add", device.chunks[-1])


def _write(_world: World, device: Device, args: Args) -> None:
    device.write(TARGETS[args["on"]], args["nth"])


def _erase(_world: World, device: Device, args: Args) -> None:
    device.erase(TARGETS[args["on"]], args["nth"])


def _rename(_world: World, device: Device, args: Args) -> None:
    op = "chat.rename" if args["on"] else "meeting.update"
    device.ask(TARGETS[args["on"]], op, {"title": f"by {device.name}"})


def _publish(_world: World, device: Device, args: Args) -> None:
    device.ask(CHAT, "chat.publish", {"on": args["turn"]})


def _role(args: Args) -> str:
    roles = _CHAT_ROLES if args["on"] else _MEETING_ROLES
    return roles[args["role"] % len(roles)]


def _let_in(_world: World, device: Device, args: Args) -> None:
    op = "members.add" if args["on"] else "participants.invite"
    device.ask(TARGETS[args["on"]], op, {"user_id": args["user"], "role": _role(args)})


def _shut_out(world: World, device: Device, args: Args) -> None:
    op = "members.remove" if args["on"] else "participants.remove"
    world.judge.count("revocations_asked")
    device.ask(TARGETS[args["on"]], op, {"user_id": args["user"]})


def _set_role(_world: World, device: Device, args: Args) -> None:
    op = "members.set_role" if args["on"] else "participants.set_role"
    device.ask(TARGETS[args["on"]], op, {"user_id": args["user"], "role": _role(args)})


def _leave(_world: World, device: Device, args: Args) -> None:
    op = "members.leave" if args["on"] else "participants.leave"
    device.ask(TARGETS[args["on"]], op, {})


def _join(_world: World, device: Device, _args: Args) -> None:
    device.ask(MEETING, "participants.join", {})


def _end(_world: World, device: Device, _args: Args) -> None:
    device.ask(MEETING, "meeting.end", {})


def _page(_world: World, device: Device, args: Args) -> None:
    page = {"after": args["nth"] % 20, "limit": 3}
    device.ask(TARGETS[args["on"]], "messages.page", page, is_read=True)


def _look(_world: World, device: Device, args: Args) -> None:
    op = "chat.get" if args["on"] else "meeting.get"
    device.ask(TARGETS[args["on"]], op, {}, is_read=True)


def _show(_world: World, device: Device, args: Args) -> None:
    device.show(TARGETS[args["on"]], {"caret": 1})


# ---------------------------------------------------------------- what clients do


def _follow_again(_world: World, device: Device, args: Args) -> None:
    device.follow_again(args["nth"] % len(device.streams), anew=args["anew"])


def _reopen(_world: World, device: Device, _args: Args) -> None:
    device.reopen()


def _token(world: World, _device: Device, args: Args) -> None:
    """The organisation changes somebody's role; their clients fetch fresh tokens at once."""
    user = args["user"]
    world.judge.count("tokens_changed")
    world.org_roles[user] = ADMIN if args["admin"] else MEMBER
    for device in world.devices:
        if device.user == user:
            device.sign_in_again(world.token(user), with_more=args["admin"])


def _storm(world: World, device: Device, args: Args) -> None:
    """Ask again and again, and read none of the answers for a while."""
    _hold_down(world, device, args)
    for _ in range(args["calls"]):
        _look(world, device, args)


# ---------------------------------------------------------------- what happens to them


def _cut(world: World, device: Device, _args: Args) -> None:
    if device.number in world.links:
        world.links[device.number].reset()


def _cut_up(world: World, device: Device, args: Args) -> None:
    if device.number in world.links:
        up = world.links[device.number].up
        up.cut_at = up.arrived_bytes + args["bytes"]


def _cut_down(world: World, device: Device, args: Args) -> None:
    if device.number in world.links:
        down = world.links[device.number].down
        down.cut_at = down.arrived_bytes + args["bytes"]


def _finish_up(world: World, device: Device, _args: Args) -> None:
    if device.number in world.links:
        world.links[device.number].up.finish()


def _finish_down(world: World, device: Device, _args: Args) -> None:
    if device.number in world.links:
        world.links[device.number].down.finish()


def _hold(world: World, direction: Direction, args: Args) -> None:
    direction.hold()
    world.agenda.after(args["ms"] / 1000, direction.let_go)


def _hold_up(world: World, device: Device, args: Args) -> None:
    if device.number in world.links:
        _hold(world, world.links[device.number].up, args)


def _hold_down(world: World, device: Device, args: Args) -> None:
    if device.number in world.links:
        _hold(world, world.links[device.number].down, args)


def _refuse(world: World, device: Device, args: Args) -> None:
    world.refused_until_s[device.number] = trio.current_time() + args["ms"] / 1000
    _cut(world, device, args)


def _disk(world: World, _device: Device, args: Args) -> None:
    world.judge.count("disk_faults")
    world.disk.faults.append(DiskFault(args["fault"]))


def _crash(world: World, _device: Device, args: Args) -> None:
    world.down_ms = args["ms"]
    if world.server.is_up:
        world.server.crash()


def _drain(world: World, _device: Device, args: Args) -> None:
    world.down_ms = args["ms"]
    world.judge.count("drains")
    world.server.drain()


def _clock(world: World, _device: Device, args: Args) -> None:
    world.judge.count("clock_jumps")
    world.jump_ms += args["ms"]


DO: Final[Mapping[str, Callable[[World, Device, Args], None]]] = MappingProxyType(
    {
        "post": _post,
        "edit": _edit,
        "delete": _delete,
        "react": _react,
        "chunk": _chunk,
        "same_chunk": _same_chunk,
        "write": _write,
        "erase": _erase,
        "rename": _rename,
        "publish": _publish,
        "let_in": _let_in,
        "shut_out": _shut_out,
        "set_role": _set_role,
        "leave": _leave,
        "join": _join,
        "end": _end,
        "page": _page,
        "look": _look,
        "token": _token,
        "storm": _storm,
        "show": _show,
        "follow_again": _follow_again,
        "reopen": _reopen,
        "cut": _cut,
        "cut_up": _cut_up,
        "cut_down": _cut_down,
        "finish_up": _finish_up,
        "finish_down": _finish_down,
        "hold_up": _hold_up,
        "hold_down": _hold_down,
        "refuse": _refuse,
        "disk": _disk,
        "crash": _crash,
        "drain": _drain,
        "clock": _clock,
    }
)
