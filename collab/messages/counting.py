"""Telling people how many messages there are, without a signal for each message and person.

::

    message.posted ──> count > counted ──> wakes_at ──> Ring ──> messages.counted ──> signals

The first message after a quiet time is counted at once, the next ones together after a pause,
and the last one always: no badge stays wrong. The pause grows with the number of people, so that
a busy room costs about one signal a second, whatever its size (``COUNT_PAUSE_MS_*``). What each
person has read is theirs to know (``collab.user.reading``); the room only says how many messages
there are, and up to which one each person has posted themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from attrs import frozen

from collab.alarms import Ring
from collab.kind import Context, Outcome, Signal, Stamp
from collab.limits import COUNT_PAUSE_MS_MAX, COUNT_PAUSE_MS_MIN, COUNT_PAUSE_MS_PER_PERSON
from collab.messages.state import HasMessages, MessageLog
from collab.user.commands import COUNT_SLOT, CountItem


@frozen(kw_only=True)
class MessagesCounted:
    """The people here are told that there are so many messages. Not shown."""

    TAG: ClassVar[str] = "messages.counted"

    count: int


def wakes_at(log: MessageLog, people: int) -> int | None:
    """Return when *people* are to be told of new or deleted messages, Unix ms; None: they know."""
    if log.count == log.counted and log.deletions == log.deletions_told:
        return None
    pause_ms = min(max(people * COUNT_PAUSE_MS_PER_PERSON, COUNT_PAUSE_MS_MIN), COUNT_PAUSE_MS_MAX)
    # The clock may have been set back since: then the newest message is older than the count.
    since_ms = min([log.counted_ms, *(message.at_ms for message in log.tail[-1:])])
    return since_ms + pause_ms


def count(log: MessageLog, people: int, context: Context) -> Outcome:
    """Count, if it is time; a ring that comes too early or twice changes nothing."""
    due_ms = wakes_at(log, people)
    if due_ms is None or context.now_ms < due_ms:
        return Outcome()
    return Outcome([MessagesCounted(count=log.count)])


def counted(state: HasMessages, event: MessagesCounted, stamp: Stamp) -> None:
    """Note what people know."""
    state.messages.counted = event.count
    state.messages.counted_ms = stamp.at_ms
    state.messages.deletions_told = state.messages.deletions


def signals(log: MessageLog, target: str, user_ids: Iterable[str]) -> list[Signal]:
    """Return what the lists of *user_ids* are told."""
    return [Signal(f"user:{who}", _count_of(log, target, who), COUNT_SLOT) for who in user_ids]


def _count_of(log: MessageLog, target: str, user_id: str) -> CountItem:
    seen = log.seen.get(user_id, 0)
    gone = [number for number in log.gone if number > seen]
    return CountItem(target=target, count=log.count, seen=seen, gone=gone)


__all__ = ["MessagesCounted", "Ring", "count", "counted", "signals", "wakes_at"]
