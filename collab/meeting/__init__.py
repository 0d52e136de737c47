"""Meetings: from plan to end, who takes part, what was said.

==============  ==============================================================
permissions     which role may do what
commands        what participants ask for
events          what is journaled and published
state           everything that the rules need
lifecycle       schedule, start, end, cancel: the table of transitions
people          invite, join, leave, remove, roles, ownership
speech          the transcript's rules, behind the meeting's own
messages        the shared message log, behind the meeting's own
view            snapshots and queries
lists           what participants' own lists are told
kind            all of it put together
==============  ==============================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collab.meeting.kind import MEETING

__all__ = ["MEETING"]


def __getattr__(name: str) -> Any:
    """Load the kind when it is asked for.

    Not at once: the one permission table takes this package's rows, and other kinds that this
    one sends signals to take theirs from that table.
    """
    if name != "MEETING":
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from collab.meeting import kind

    return kind.MEETING
