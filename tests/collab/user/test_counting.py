"""What a room tells of its messages, and when."""

from __future__ import annotations

import pytest

from collab.chat.commands import AddMember, LeaveChat
from collab.chat.state import ChatState
from collab.kind import Signal
from collab.limits import (
    CHAT_TOUCH_MS,
    COUNT_PAUSE_MS_MAX,
    COUNT_PAUSE_MS_MIN,
    COUNT_PAUSE_MS_PER_PERSON,
)
from collab.meeting import MEETING
from collab.messages import DeleteMessage, PostMessage
from collab.messages.counting import Ring, wakes_at
from collab.messages.state import MessageLog
from collab.user.commands import CountItem, ListItem
from tests.collab.chat.conftest import chat as a_chat  # noqa: F401 -- a fixture
from tests.collab.meeting.people import ANN, IVY, SAM, live
from tests.collab.messages.stage import Stage


@pytest.fixture
def chat(a_chat: Stage[ChatState]) -> Stage[ChatState]:  # noqa: F811 -- the fixture
    """A chat of ann's with bob and eve, long after anybody was told anything."""
    a_chat.now_ms += COUNT_PAUSE_MS_MAX
    return a_chat


def counts(signals: list[Signal]) -> dict[str, tuple[int, int]]:
    """Return whom the newest counts went to: (count, seen); and forget them."""
    found = {
        signal.target.removeprefix("user:"): (signal.command.count, signal.command.seen)
        for signal in signals
        if isinstance(signal.command, CountItem)
    }
    signals.clear()
    return found


def ring(stage: Stage[ChatState]) -> dict[str, tuple[int, int]]:
    """Let the alarm clock ring at the time that the chat named; return who was told what."""
    assert stage.kind.wakes_at is not None
    due_ms = stage.kind.wakes_at(stage.state)
    assert due_ms is not None
    stage.now_ms = max(stage.now_ms, due_ms)
    stage.receive(Ring(), "alarm:clock")
    return counts(stage.signals)


def test_the_first_message_is_counted_at_once_the_next_ones_together(
    chat: Stage[ChatState],
) -> None:
    """[C2.10] And the last one always, so that no badge stays wrong."""
    chat.do("ann", PostMessage(text="1"))
    assert counts(chat.signals) == {}
    assert wakes_at(chat.state.messages, 3) is not None
    assert wakes_at(chat.state.messages, 3) <= chat.now_ms  # type: ignore[operator]
    assert ring(chat) == {"ann": (1, 1), "bob": (1, 0), "eve": (1, 0)}
    first_ms = chat.now_ms
    for text in "234":
        chat.do("bob", PostMessage(text=text))
    assert ring(chat) == {"ann": (4, 1), "bob": (4, 4), "eve": (4, 0)}
    assert chat.now_ms == first_ms + COUNT_PAUSE_MS_MIN
    assert wakes_at(chat.state.messages, 3) is None
    assert chat.replayed() == chat.state == chat.restored()


def test_a_ring_too_early_or_twice_tells_nobody(chat: Stage[ChatState]) -> None:
    """[C2.10] Rings are harmless at any time."""
    chat.receive(Ring(), "alarm:clock")
    chat.do("ann", PostMessage(text="1"))
    ring(chat)
    seq = chat.seq
    chat.receive(Ring(), "alarm:clock")
    chat.do("ann", PostMessage(text="2"))
    chat.receive(Ring(), "alarm:clock")
    assert chat.seq == seq + 1


def test_a_clock_that_was_set_back_delays_no_count(chat: Stage[ChatState]) -> None:
    """[C2.10] Not by as much as it was set back."""
    chat.do("ann", PostMessage(text="1"))
    ring(chat)
    chat.now_ms -= 500_000
    chat.do("ann", PostMessage(text="2"))
    assert wakes_at(chat.state.messages, 3) == chat.now_ms + COUNT_PAUSE_MS_MIN


@pytest.mark.parametrize(
    ("people", "pause_ms"),
    [
        (1, COUNT_PAUSE_MS_MIN),
        (30, 30 * COUNT_PAUSE_MS_PER_PERSON),
        (2_000, COUNT_PAUSE_MS_MAX),
    ],
)
def test_a_larger_room_is_counted_less_often(people: int, pause_ms: int) -> None:
    """[C2.11] About one signal a second for a busy room, up to sixty people."""
    log = MessageLog(count=5, counted=3, counted_ms=1_000)
    assert wakes_at(log, people) == 1_000 + pause_ms


def test_what_was_there_before_somebody_came_is_nothing_new_to_them(
    chat: Stage[ChatState],
) -> None:
    """[C2.12] Also for those who come back; who is out is told nothing."""
    for text in "12":
        chat.do("ann", PostMessage(text=text))
    chat.do("ann", AddMember(user_id="zoe"))
    listed = [s.command for s in chat.signals if isinstance(s.command, ListItem)][-1]
    assert (listed.count, listed.seen, listed.invited_by) == (2, 2, "ann")
    chat.do("ann", PostMessage(text="3"))
    chat.do("eve", LeaveChat())
    assert ring(chat) == {"ann": (3, 3), "bob": (3, 0), "zoe": (3, 2)}


def test_counting_moves_no_list_and_shows_nothing(chat: Stage[ChatState]) -> None:
    """[C2.10] Lists move as before, at most once in CHAT_TOUCH_MS; no subscriber sees a count."""
    moves = 0
    for _ in range(8):
        chat.now_ms += CHAT_TOUCH_MS // 4
        chat.do("bob", PostMessage(text="x"))
        moves += sum(isinstance(s.command, ListItem) for s in chat.signals)
        ring(chat)
    assert moves == 2 * 3
    shown = {event for topic in MEETING.topics.values() for event in topic.events}
    assert not {event for event in MEETING.events if event.TAG == "messages.counted"} & shown


def test_a_meeting_counts_for_those_who_have_joined() -> None:
    """[C2.12] An invitation does not tell how much is being written."""
    meeting = live()
    meeting.now_ms += COUNT_PAUSE_MS_MAX
    meeting.do(ANN, PostMessage(text="hi"))
    meeting.do(SAM, PostMessage(text="ho"))
    meeting.signals.clear()
    meeting.receive(Ring(), "alarm:clock")
    told = counts(meeting.signals)
    assert IVY.user_id not in told
    assert (told["ann"], told["sam"], told["olivia"]) == ((2, 1), (2, 2), (2, 0))


def test_numbers_of_deleted_messages_are_bounded(
    chat: Stage[ChatState], monkeypatch: pytest.MonkeyPatch
) -> None:
    """[U6.14] The newest are told, to each person those after what they surely know."""
    monkeypatch.setattr("collab.messages.state.GONE_KEPT_MAX", 3)
    ids = [chat.do("ann", PostMessage(text=str(n)))["id"] for n in range(6)]
    chat.do("bob", PostMessage(text="x"))
    ring(chat)
    for place in (5, 0, 2, 1):
        chat.do("ann", DeleteMessage(id=ids[place]))
    chat.signals.clear()
    chat.now_ms += COUNT_PAUSE_MS_MAX
    chat.receive(Ring(), "alarm:clock")
    told = {signal.target: signal.command for signal in chat.signals}
    assert {who: item.gone for who, item in told.items()} == {
        "user:ann": [],
        "user:bob": [],
        "user:eve": [2, 3, 6],
    }
    assert chat.kind.wakes_at is not None
    assert chat.kind.wakes_at(chat.state) is None
    assert chat.replayed() == chat.state == chat.restored()
