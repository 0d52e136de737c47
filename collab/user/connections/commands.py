"""What one asks of one's connections, what happens to them, and what the other side is told.

All of it by oneself at one's own ``user:ID``; the other person hears by signal. Every command is
answered with ``{"user_id", "standing", "since_ms"}`` and may be repeated.
"""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from attrs import field, frozen
from attrs.validators import ge, in_

from collab.limits import PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX
from collab.messages.checks import identifier, number, user_id
from collab.user.connections.link import STANDINGS

LINK_SLOT: Final = "link"  # A register is a state: only the newest waits.


@frozen(kw_only=True)
class RequestConnection:
    """Ask somebody to connect; if they have asked already, this connects."""

    TAG: ClassVar[str] = "connections.request"

    user_id: str = user_id()


@frozen(kw_only=True)
class AcceptConnection:
    """Say yes to a request."""

    TAG: ClassVar[str] = "connections.accept"

    user_id: str = user_id()


@frozen(kw_only=True)
class DeclineConnection:
    """Say no to a request. They may ask again."""

    TAG: ClassVar[str] = "connections.decline"

    user_id: str = user_id()


@frozen(kw_only=True)
class WithdrawConnection:
    """Take one's own request back."""

    TAG: ClassVar[str] = "connections.withdraw"

    user_id: str = user_id()


@frozen(kw_only=True)
class RemoveConnection:
    """End a connection."""

    TAG: ClassVar[str] = "connections.remove"

    user_id: str = user_id()


@frozen(kw_only=True)
class BlockPerson:
    """Hear nothing more from somebody: no requests, no invitations. They are not told."""

    TAG: ClassVar[str] = "connections.block"

    user_id: str = user_id()


@frozen(kw_only=True)
class UnblockPerson:
    """Let somebody ask and invite again. What they asked meanwhile does not come up again."""

    TAG: ClassVar[str] = "connections.unblock"

    user_id: str = user_id()


@frozen(kw_only=True)
class PageConnections:
    """My connections, requests (``sent``, ``received``) or blocked people, by user id.

    Answered with ``{"people", "more"}``; give the last ``user_id`` as ``after`` to go on. Those
    who are connected or ask to be come with their ``card``.
    """

    TAG: ClassVar[str] = "connections.list"

    standing: Literal["connected", "sent", "received", "blocked"] = field(
        default="connected", validator=in_(STANDINGS)
    )
    after: str | None = identifier(default=None)
    limit: int = number(1, PAGE_LIMIT_MAX, default=PAGE_LIMIT_DEFAULT)


@frozen(kw_only=True)
class LinkTold:
    """Signal: the other side's register, as it is now. See ``link``."""

    TAG: ClassVar[str] = "user.link_told"

    attempt: int = field(validator=ge(0))
    wants: bool
    heard: int = field(validator=ge(0))
    org_id: str | None = None  # Of whoever tells.


# ---------------------------------------------------------------- events


@frozen(kw_only=True)
class LinkMoved:
    """My register and what I know of theirs; ``is_told``: they are to be told. Not shown."""

    TAG: ClassVar[str] = "user.link_moved"

    user_id: str
    attempt: int
    wants: bool
    they_want: bool
    heard: int
    is_blocked: bool
    is_told: bool


@frozen(kw_only=True)
class ConnectionChanged:
    """Where I stand with somebody: none, sent, received, connected or blocked."""

    TAG: ClassVar[str] = "connection.changed"

    user_id: str
    standing: str
