"""What is allowed: one line per action, the defaults and an operator's own.

::

    participants.invite=60/60            60 at once, then one a second, of each user
    notes.export=30/60@address           the same, of each address
    audit.page=1000/3600:window          at most 1000 in each whole hour, of each user
    notes.import=off                     as often as they like

A *bucket* (the default) refills evenly, so that whoever waits a moment may go on a little. A
*window* starts afresh at whole multiples of its period, like a quota.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal, cast

from attrs import field, frozen
from attrs.validators import and_, ge, in_, le

from collab.limits import ALLOWANCE_COUNT_MAX, ALLOWANCE_PERIOD_MAX_S

Per = Literal["user", "address"]
Shape = Literal["bucket", "window"]

_LINE: Final = re.compile(
    r"(?P<action>[a-z0-9_.]+)="
    r"(?:off|(?P<count>\d{1,9})/(?P<period>\d{1,9})"
    r"(?::(?P<shape>bucket|window))?(?:@(?P<per>user|address))?)"
)


@frozen(kw_only=True)
class Allowance:
    """*count* in *period_s* seconds, of each user or of each address."""

    count: int = field(validator=and_(ge(1), le(ALLOWANCE_COUNT_MAX)))
    period_s: float = field(validator=and_(ge(1), le(ALLOWANCE_PERIOD_MAX_S)))
    per: Per = field(default="user", validator=in_(("user", "address")))
    shape: Shape = field(default="bucket", validator=in_(("bucket", "window")))


# What reaches other people, or costs more than an ordinary call. Everything else is bounded by the
# rate of messages of its connection alone.
DEFAULTS: Final[Mapping[str, Allowance]] = MappingProxyType(
    {
        "participants.invite": Allowance(count=120, period_s=60),
        "members.add": Allowance(count=120, period_s=60),
        "chat.create": Allowance(count=300, period_s=3_600),
        "meeting.schedule": Allowance(count=300, period_s=3_600),
        "connections.request": Allowance(count=60, period_s=3_600),
        "notes.export": Allowance(count=120, period_s=60),
        "notes.import": Allowance(count=30, period_s=60),
        "audit.page": Allowance(count=120, period_s=60),
    }
)


def parse_allowances(lines: Iterable[str]) -> Mapping[str, Allowance]:
    """Return the defaults with *lines* over them; see the module for their form.

    Raises:
      ValueError: a line makes no sense; it is quoted.
    """
    allowances = dict(DEFAULTS)
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(
                f"{line!r} is no allowance: ACTION=COUNT/SECONDS, then :window and @address"
                " if wanted, or ACTION=off"
            )
        action, count, period, shape, per = match.group("action", "count", "period", "shape", "per")
        if count is None:
            allowances.pop(action, None)
            continue
        try:
            allowances[action] = Allowance(
                count=int(count),
                period_s=int(period),
                shape=cast("Shape", shape or "bucket"),
                per=cast("Per", per or "user"),
            )
        except ValueError as error:
            raise ValueError(f"{line!r}: {error.args[0]}") from None
    return MappingProxyType(allowances)
