"""The rules of connections: what a person may do with one, and what they hear of the other side.

Which change of registers a command is stands in ``link``; here is when it may be asked for.

::

    none ──request──> sent ──(they accept)──> connected ──remove, either──> none
    none <──withdraw── sent                   received ──accept──> connected
    none <──decline── received                any ──block──> blocked ──unblock──> none
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from collab.errors import BadRequest, Conflict, LimitExceeded
from collab.kind import Context, Outcome, Signal, Stamp
from collab.limits import (
    BLOCKED_MAX,
    CONNECTIONS_MAX,
    REQUESTS_RECEIVED_MAX,
    REQUESTS_SENT_MAX,
)
from collab.user.connections import link as links
from collab.user.connections.commands import (
    LINK_SLOT,
    AcceptConnection,
    BlockPerson,
    ConnectionChanged,
    DeclineConnection,
    LinkMoved,
    LinkTold,
    RemoveConnection,
    RequestConnection,
    UnblockPerson,
    WithdrawConnection,
)
from collab.user.connections.link import BLOCKED, CONNECTED, NONE, RECEIVED, SENT, Link
from collab.user.invitations import no_longer_welcome
from collab.user.notices.commands import NoticeAdded
from collab.user.state import UserState

_BOUNDS: Final[Mapping[str, int]] = MappingProxyType(
    {
        CONNECTED: CONNECTIONS_MAX,
        SENT: REQUESTS_SENT_MAX,
        RECEIVED: REQUESTS_RECEIVED_MAX,
        BLOCKED: BLOCKED_MAX,
    }
)


# ---------------------------------------------------------------- commands


def request(state: UserState, command: RequestConnection, context: Context) -> Outcome:
    """Ask to connect, or accept what they asked.

    Raises:
      BadRequest: oneself.
      Conflict: one has blocked them.
      LimitExceeded: too many connections, or requests without an answer.
    """
    return _wish(state, command.user_id, context, may_ask=True)


def accept(state: UserState, command: AcceptConnection, context: Context) -> Outcome:
    """Say yes.

    Raises:
      Conflict: there is no request.
      LimitExceeded: too many connections.
    """
    return _wish(state, command.user_id, context, may_ask=False)


def _wish(state: UserState, user_id: str, context: Context, *, may_ask: bool) -> Outcome:
    link = _link(state, user_id, context)
    if link.standing == CONNECTED or (link.standing == SENT and may_ask):
        return Outcome(value=_plain(user_id, link))
    if link.standing == BLOCKED:
        raise Conflict("you have blocked them")
    if link.standing != RECEIVED and not may_ask:
        raise Conflict(f"{user_id} has not asked, or not any more")
    after = links.with_wish(link, context.now_ms)
    _check_room(state, after.standing)
    return _outcome(user_id, link, after, context, is_told=True)


def decline(state: UserState, command: DeclineConnection, context: Context) -> Outcome:
    """Say no.

    Raises:
      Conflict: connected already, or it is one's own request.
    """
    return _end(state, command.user_id, context, RECEIVED)


def withdraw(state: UserState, command: WithdrawConnection, context: Context) -> Outcome:
    """Take a request back.

    Raises:
      Conflict: connected already, or it is their request.
    """
    return _end(state, command.user_id, context, SENT)


def remove(state: UserState, command: RemoveConnection, context: Context) -> Outcome:
    """End a connection.

    Raises:
      Conflict: there is only a request.
    """
    return _end(state, command.user_id, context, CONNECTED)


def _end(state: UserState, user_id: str, context: Context, standing: str) -> Outcome:
    link = _link(state, user_id, context)
    if link.standing in (NONE, BLOCKED):  # Over for both; what they do not see stays as it is.
        return Outcome(value=_plain(user_id, link))
    if link.standing != standing:
        raise Conflict(f"with {user_id} you stand at {link.standing}")
    return _outcome(user_id, link, links.ended(link, context.now_ms), context, is_told=True)


def block(state: UserState, command: BlockPerson, context: Context) -> Outcome:
    """Shut somebody out of one's own things; their open invitations go.

    Raises:
      BadRequest: oneself.
      LimitExceeded: too many are blocked.
    """
    user_id = command.user_id
    link = _link(state, user_id, context)
    if link.is_blocked:
        return Outcome(no_longer_welcome(state, user_id), _plain(user_id, link))
    _check_room(state, BLOCKED)
    value = {"user_id": user_id, "standing": BLOCKED, "since_ms": context.now_ms}
    return Outcome(block_somebody(state, user_id, context.now_ms), value)


def block_somebody(state: UserState, user_id: str, now_ms: int) -> list[Any]:
    """Return what blocking somebody causes who is not blocked yet."""
    link = state.link_to(user_id)
    after = links.blocked(link, now_ms)
    events = _events(user_id, link, after, is_told=after.attempt > link.attempt)
    return [*events, *no_longer_welcome(state, user_id)]


def unblock(state: UserState, command: UnblockPerson, context: Context) -> Outcome:
    """Let somebody ask and invite again."""
    link = _link(state, command.user_id, context)
    if not link.is_blocked:
        return Outcome(value=_plain(command.user_id, link))
    after = links.unblocked(link, context.now_ms)
    is_told = after.attempt > link.attempt
    return _outcome(command.user_id, link, after, context, is_told=is_told)


def _link(state: UserState, user_id: str, context: Context) -> Link:
    if user_id == context.caller.user_id:
        raise BadRequest("that is yourself")
    return state.link_to(user_id)


def _check_room(state: UserState, standing: str) -> None:
    if state.count_of(standing) >= _BOUNDS[standing]:
        raise LimitExceeded(f"you can have {_BOUNDS[standing]} people {standing}")


def _outcome(
    user_id: str, before: Link, after: Link, context: Context, *, is_told: bool
) -> Outcome:
    since_ms = before.since_ms if after.standing == before.standing else context.now_ms
    value = {"user_id": user_id, "standing": after.standing, "since_ms": since_ms}
    return Outcome(_events(user_id, before, after, is_told=is_told), value)


def _events(user_id: str, before: Link, after: Link, *, is_told: bool) -> list[Any]:
    moved = LinkMoved(
        user_id=user_id,
        attempt=after.attempt,
        wants=after.wants,
        they_want=after.they_want,
        heard=after.heard,
        is_blocked=after.is_blocked,
        is_told=is_told,
    )
    if after.standing == before.standing:
        return [moved]
    return [moved, ConnectionChanged(user_id=user_id, standing=after.standing)]


def _plain(user_id: str, link: Link) -> dict[str, Any]:
    return {"user_id": user_id, "standing": link.standing, "since_ms": link.since_ms}


# ---------------------------------------------------------------- what the other side tells


def hear(state: UserState, command: LinkTold, context: Context) -> Outcome:
    """Follow the other side's register; an old one, or the same again, changes nothing.

    With the door at ``known`` a stranger's request is declined by itself. Of too many requests the
    oldest is, so that nobody who asks many times over keeps others from being heard.
    """
    kind, _, user_id = context.caller.user_id.partition(":")
    if kind != "user" or user_id == state.key:
        raise BadRequest("registers come from other people's own actors")
    before = state.link_to(user_id)
    after = links.after_hearing(
        before, attempt=command.attempt, wants=command.wants, heard=command.heard
    )
    if after == before:
        return Outcome()
    is_told = after.wants and after.attempt > before.attempt
    is_new_request = after.standing == RECEIVED and before.standing != RECEIVED
    gone: list[Any] = []
    if is_new_request and state.door == "known" and not _is_colleague(state, command):
        after, is_told = links.ended(after, context.now_ms), True
        is_new_request = False
    elif is_new_request:
        gone = _oldest_request_gone(state, context.now_ms)
    events = [*gone, *_events(user_id, before, after, is_told=is_told)]
    if is_new_request:
        events.append(NoticeAdded(about="connection_requested", user_id=user_id))
    elif after.standing == CONNECTED != before.standing:
        events.append(NoticeAdded(about="connected", user_id=user_id))
    return Outcome(events)


def _is_colleague(state: UserState, command: LinkTold) -> bool:
    org_id = state.account.org_id
    return org_id is not None and org_id == command.org_id


def _oldest_request_gone(state: UserState, now_ms: int) -> list[Any]:
    """Return what makes room for one more request."""
    if state.count_of(RECEIVED) < REQUESTS_RECEIVED_MAX:
        return []
    received = (item for item in state.links.items() if item[1].standing == RECEIVED)
    oldest, link = min(received, key=lambda item: (item[1].since_ms, item[0]))
    return _events(oldest, link, links.ended(link, now_ms), is_told=True)


def signals_of(state: UserState, event: LinkMoved) -> Sequence[Signal]:
    """Return what the other side is told."""
    if not event.is_told:
        return ()
    told = LinkTold(
        attempt=event.attempt,
        wants=event.wants,
        heard=event.heard,
        org_id=state.account.org_id,
    )
    return (Signal(f"user:{event.user_id}", told, LINK_SLOT),)


# ---------------------------------------------------------------- evolve


def moved(state: UserState, event: LinkMoved, _stamp: Stamp) -> None:
    """Take the registers over."""
    link = Link(
        attempt=event.attempt,
        wants=event.wants,
        they_want=event.they_want,
        heard=event.heard,
        is_blocked=event.is_blocked,
        since_ms=state.link_to(event.user_id).since_ms,
    )
    state.put_link(event.user_id, link)


def changed(state: UserState, event: ConnectionChanged, stamp: Stamp) -> None:
    """Note since when they stand so."""
    state.link_to(event.user_id).since_ms = stamp.at_ms


COMMANDS: Final[Mapping[type, Callable[[UserState, Any, Context], Outcome]]] = MappingProxyType(
    {
        RequestConnection: request,
        AcceptConnection: accept,
        DeclineConnection: decline,
        WithdrawConnection: withdraw,
        RemoveConnection: remove,
        BlockPerson: block,
        UnblockPerson: unblock,
    }
)
