"""What the gateway, the app and other actors put into a live actor's mailbox, and its answers.

Not frozen: they are made for every call, and freezing triples the cost. Nobody writes them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from attrs import define

from collab.errors import CollabError
from collab.kind import Ask, Caller, Reader
from protocol.gateway import Subscription


@define(eq=False)
class Do:
    """A write. ``key`` makes it safe to send again."""

    caller: Caller
    command: Any
    key: str | None = None
    answer: Any = None  # Of another target, if the command had to ask one first.


@define(eq=False)
class Look:
    """A query. Answered with a value, or with a :class:`Reading`."""

    caller: Caller
    query: Any


@define(eq=False)
class Follow:
    """A subscription that wants its first answer, or (fallen behind) a fresh snapshot."""

    caller: Caller
    subscription: Subscription
    has_fallen_behind: bool = False


@define(eq=False)
class Receive:
    """A signal from another target; idempotent by the kind's own rules."""

    source: str
    command: Any


@define(eq=False)
class Admit:
    """Let *caller* in before it does *action*, if it must be. Only with development tokens."""

    caller: Caller
    action: str


Message = Do | Look | Follow | Receive | Admit


@define(eq=False)
class Done:
    """The answer to a write: its value, and the target's seq after it."""

    value: object
    seq: int


@define(eq=False)
class Declined:
    """The answer to a write that was refused, although something happened; it is durable."""

    refusal: CollabError


@define(eq=False)
class Reading:
    """The rest of a query, to be read from storage outside the actor.

    ``is_permitted`` is asked once more before the value leaves: False if the caller's role changed
    while storage was read, or if there is another activation to ask.
    """

    read: Callable[[Reader], Awaitable[object]]
    is_permitted: Callable[[], bool]


@define(eq=False)
class Drafting:
    """The answer to a write that cannot be decided yet: do ``work``, then ask ``message`` again."""

    target: str
    message: Do
    work: Callable[[Reader], Awaitable[None]]


@define(eq=False)
class Asking:
    """The answer to a write that must ask another target first; see ``collab.asking``."""

    target: str
    message: Do
    ask: Ask
