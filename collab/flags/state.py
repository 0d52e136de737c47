"""The flags of one environment: what is asked of them, what happens, what they are for whom."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, ClassVar, Final

from attrs import define, field, frozen
from attrs.validators import max_len

from collab.flags.limits import (
    FLAG_NAME_LEN_MAX,
    FLAG_ORGS_MAX,
    FLAG_VALUE_LEN_MAX,
    PERCENT_MAX,
    REASON_LEN_MAX,
)
from collab.kind import Caller
from collab.limits import ID_LEN_MAX
from collab.messages.checks import identifier, number, words

Value = bool | int | float | str
_PARTS: Final = 10_000  # Of all people; a percent is 100 of them.


def place_of(environment: str, name: str, user_id: str) -> int:
    """Return the part of all people that a user is in, 0 to 9,999: the same one for ever.

    Every flag deals people out anew, so that the same ones are not always the first.
    """
    digest = sha256(f"{environment}\n{name}\n{user_id}".encode()).digest()
    return int.from_bytes(digest[:8]) % _PARTS


@define
class Flag:
    """One flag: its value, and for whom it is on."""

    value: Value
    is_on: bool
    percent: int  # Of all people.
    org_ids: list[str]  # On for all of these, whatever the percentage.
    reason: str
    by: str
    at_ms: int

    def is_on_for(self, environment: str, name: str, caller: Caller) -> bool:
        """Say whether *caller* has it."""
        if not self.is_on:
            return False
        if caller.org_id is not None and caller.org_id in self.org_ids:
            return True
        return place_of(environment, name, caller.user_id) < self.percent * _PARTS // PERCENT_MAX

    def plain(self, name: str) -> dict[str, Any]:
        """Return it as operators see it."""
        return {
            "name": name,
            "value": self.value,
            "is_on": self.is_on,
            "percent": self.percent,
            "org_ids": list(self.org_ids),
            "reason": self.reason,
            "by": self.by,
            "at_ms": self.at_ms,
        }


@define
class FlagsState:
    """The flags of environment ``key``, by name."""

    key: str
    flags: dict[str, Flag] = field(factory=dict)

    def values_for(self, caller: Caller) -> dict[str, Value]:
        """Return the values of the flags that are on for *caller*."""
        return {
            name: flag.value
            for name, flag in sorted(self.flags.items())
            if flag.is_on_for(self.key, name, caller)
        }


# ---------------------------------------------------------------- commands and queries


def _reason() -> Any:
    return words(REASON_LEN_MAX, len_min=1)


@frozen(kw_only=True)
class SetFlag:
    """Make a flag what is given here, all of it. What is so already changes nothing.

    On for the members of ``org_ids`` and for ``percent`` of all people.
    """

    TAG: ClassVar[str] = "flags.set"

    name: str = identifier(FLAG_NAME_LEN_MAX)
    value: Value = True
    is_on: bool = True
    percent: int = number(0, PERCENT_MAX, default=PERCENT_MAX)
    org_ids: list[str] = field(factory=list, validator=max_len(FLAG_ORGS_MAX))
    reason: str = _reason()

    def __attrs_post_init__(self) -> None:
        if isinstance(self.value, str) and len(self.value) > FLAG_VALUE_LEN_MAX:
            raise ValueError(f"value must have at most {FLAG_VALUE_LEN_MAX} characters")
        if not all(0 < len(org_id) <= ID_LEN_MAX for org_id in self.org_ids):
            raise ValueError(f"an organisation's id has 1 to {ID_LEN_MAX} characters")


@frozen(kw_only=True)
class RemoveFlag:
    """Take a flag away: it is off for everybody. One that is not there: nothing changes."""

    TAG: ClassVar[str] = "flags.remove"

    name: str = identifier(FLAG_NAME_LEN_MAX)
    reason: str = _reason()


@frozen(kw_only=True)
class ListFlags:
    """All flags with their rules, and who changed each last, when and why."""

    TAG: ClassVar[str] = "flags.list"


@frozen(kw_only=True)
class MyFlags:
    """What is on for the caller: name to value."""

    TAG: ClassVar[str] = "flags.mine"


# ---------------------------------------------------------------- events


@frozen(kw_only=True)
class FlagSet:
    """A flag is as it says here."""

    TAG: ClassVar[str] = "flag.set"

    name: str
    value: Value
    is_on: bool
    percent: int
    org_ids: list[str]
    reason: str


@frozen(kw_only=True)
class FlagRemoved:
    """A flag is no more."""

    TAG: ClassVar[str] = "flag.removed"

    name: str
    reason: str


@frozen(kw_only=True)
class FlagChanged:
    """For everybody: a flag may be another one for you; ask ``flags.mine``. Goes with the others.

    It says nothing of the rule, which names organisations.
    """

    TAG: ClassVar[str] = "flag.changed"

    name: str
