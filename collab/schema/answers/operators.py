"""Answers to operators and admins: the audit log, timers, feature flags."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, TypedDict

from collab.audit.kind import PageAudit
from collab.flags import state as flags
from collab.kind import Tagged
from collab.timers import commands


class AuditLine(TypedDict):
    """One entry of the audit log. ``count`` of them happened from ``at_ms`` to ``until_ms``.

    ``detail`` is a JSON object as text. ``hash`` (hex) covers the entry and all before it.
    """

    id: int
    at_ms: int
    action: str
    outcome: Literal["granted", "refused"]
    user: str
    org: str
    address: str
    target: str
    seq: int
    count: int
    until_ms: int
    detail: str
    hash: str


class AuditPage(TypedDict):
    """The newest entries that fit, newest first. ``next``: give it as ``before`` to go on."""

    entries: list[AuditLine]
    next: int | None


class FlagRule(TypedDict):
    """One flag: its value, for whom it is on, who said so last, when and why."""

    name: str
    value: bool | int | float | str
    is_on: bool
    percent: int
    org_ids: list[str]
    reason: str
    by: str
    at_ms: int


class FlagRules(TypedDict):
    """All flags, by name."""

    flags: list[FlagRule]


class FlagsOn(TypedDict):
    """What is on for the caller: name to value."""

    flags: dict[str, bool | int | float | str]


class TimerShown(TypedDict):
    """One timer. ``cron`` null: it rings once."""

    target: str
    name: str
    due_ms: int
    cron: str | None
    zone: str


class TimersPage(TypedDict):
    """Timers by due time. ``cursor``: give it as ``after`` to go on; null: that was all."""

    timers: list[TimerShown]
    cursor: str | None


class TimersSnapshot(TypedDict):
    """How many there are, and when the next one is due."""

    count: int
    next_due_ms: int | None


class TimerWasSet(TypedDict):
    """Whether there was such a timer."""

    was_set: bool


ANSWERS: Final[Mapping[type[Tagged], Any]] = MappingProxyType(
    {
        PageAudit: AuditPage,
        commands.CancelTimer: TimerWasSet,
        commands.ListTimers: TimersPage,
        flags.SetFlag: None,
        flags.RemoveFlag: None,
        flags.ListFlags: FlagRules,
        flags.MyFlags: FlagsOn,
    }
)
