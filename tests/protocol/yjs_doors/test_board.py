"""Who may show what in a document's awareness."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from protocol.yjs import Presence, decode_awareness
from protocol.yjs.door_board import AwarenessBoard, Boards
from protocol.yjs.errors import FrameRefused
from protocol.yjs.limits import (
    AWARENESS_BYTES_MAX,
    AWARENESS_GONE_MAX,
    AWARENESS_OWN_BYTES_MAX,
    AWARENESS_OWN_CLIENTS_MAX,
    AWARENESS_STATE_BYTES_MAX,
    CLOCK_MAX,
)


class Room:
    """A board, and the presence that the target would hold."""

    def __init__(self) -> None:
        self.board = AwarenessBoard()
        self.members: dict[str, dict[str, Any] | None] = {}
        self.users: dict[str, str] = {}

    def say(self, session: str, client: int, clock: int, state: dict[str, Any] | None) -> bool:
        """*session* (named for its user: "ann-1") says something; presence follows."""
        user = session.partition("-")[0]
        has_changed = self.board.take(session, user, [Presence(client, clock, state)])
        if has_changed:
            self.members[session] = {"user": user, "state": self.board.presence_of(session)}
        return has_changed

    def told(self, *sessions: str) -> list[Presence]:
        changes = {session: self.members.get(session) for session in sessions}
        return [entry for update in self.board.told(changes) for entry in decode_awareness(update)]

    def leave(self, session: str) -> None:
        self.board.release(session)
        self.members[session] = None

    def everybody(self, *, again: bool = False) -> dict[int, Presence]:
        here = {session: member for session, member in self.members.items() if member is not None}
        updates = self.board.everybody(here, again=again)
        return {entry.client: entry for update in updates for entry in decode_awareness(update)}


def test_a_state_is_shown_under_its_users_own_id() -> None:
    """[D3.1] Whatever the client writes there."""
    room = Room()
    assert room.say("ann-1", 1, 3, {"userId": "bob", "name": "Bob"})
    assert room.told("ann-1") == [Presence(1, 3, {"userId": "ann", "name": "Bob"})]


def test_a_first_state_is_seen_even_with_clock_0() -> None:
    """[D3.1] Yjs clients ignore clock 0 of somebody new."""
    room = Room()
    room.say("ann-1", 1, 0, {})
    assert room.told("ann-1") == [Presence(1, 1, {"userId": "ann"})]


def test_nobody_sets_or_removes_the_state_of_another() -> None:
    """[D3.2] With whatever clock."""
    room = Room()
    room.say("ann-1", 1, 3, {"cursor": 1})
    for clock in (0, 3, 4, CLOCK_MAX):
        assert not room.say("eve-1", 1, clock, {"cursor": 666})
        assert not room.say("eve-1", 1, clock, None)
        assert not room.say("ann-2", 1, clock, None)
    assert room.everybody() == {1: Presence(1, 3, {"cursor": 1, "userId": "ann"})}


def test_an_echo_changes_nothing() -> None:
    """[D3.2] y-websocket sends back all it hears, also when its author has just left."""
    room = Room()
    room.say("ann-1", 1, 3, {"cursor": 1})
    [heard] = room.told("ann-1")
    for session in ("bob-1", "ann-2", "ann-1"):
        assert not room.say(session, heard.client, heard.clock, dict(heard.state or {}))
    room.leave("ann-1")
    for session in ("bob-1", "ann-2"):
        assert not room.say(session, heard.client, heard.clock, dict(heard.state or {}))
    assert room.everybody() == {}


def test_an_echo_to_the_byte_is_not_even_read() -> None:
    """[D3.2] The commonest message of all costs one comparison."""
    room = Room()
    room.say("ann-1", 1, 3, {"cursor": 1})
    [update] = room.board.told({"ann-1": room.members["ann-1"]})
    assert room.board.is_echo(update)
    assert not room.board.is_echo(update + b"\x00")


def test_the_same_user_takes_a_client_over_with_a_higher_clock() -> None:
    """[D3.3] A reconnect before the old connection was missed; its end removes nothing then."""
    room = Room()
    room.say("ann-1", 1, 3, {"cursor": 1})
    room.told("ann-1")
    assert room.say("ann-2", 1, 4, {"cursor": 2})
    assert room.told("ann-2") == [Presence(1, 4, {"cursor": 2, "userId": "ann"})]
    room.leave("ann-1")
    assert room.told("ann-1") == []
    assert room.everybody()[1].clock == 4


def test_who_leaves_is_removed_for_all() -> None:
    """[D3.3] With the clock that they were last told."""
    room = Room()
    room.say("ann-1", 1, 3, {})
    room.told("ann-1")
    room.leave("ann-1")
    assert room.told("ann-1") == [Presence(1, 3, None)]


def test_a_client_that_takes_its_state_back_is_removed() -> None:
    """[D3.3] And may show itself again."""
    room = Room()
    room.say("ann-1", 1, 3, {})
    room.told("ann-1")
    assert room.say("ann-1", 1, 4, None)
    assert room.told("ann-1") == [Presence(1, 3, None)]
    assert room.say("ann-1", 1, 5, {})
    assert room.told("ann-1") == [Presence(1, 5, {"userId": "ann"})]


def test_a_leave_that_a_newcomer_knows_already_is_still_told_to_the_others() -> None:
    """[D3.3] The full list of one visit does not take the news from the rest."""
    room = Room()
    room.say("ann-1", 1, 3, {})
    room.told("ann-1")
    room.leave("ann-1")
    assert room.everybody() == {}
    assert room.told("ann-1") == [Presence(1, 3, None)]


def test_who_catches_up_hears_who_has_left() -> None:
    """[D3.4] A full list after a lag removes whom the visit may still show."""
    room = Room()
    room.say("ann-1", 1, 3, {})
    room.leave("ann-1")
    assert room.everybody(again=True) == {1: Presence(1, 3, None)}


def test_one_change_is_written_once_for_all() -> None:
    """[D3.1] Every visit is told the same object and gets the same bytes."""
    room = Room()
    room.say("ann-1", 1, 3, {})
    changes = {"ann-1": room.members["ann-1"]}
    assert room.board.told(changes) is room.board.told(changes)


def test_clocks_never_pass_what_clients_may_send_back() -> None:
    """[D3.4] A state that used up its clock is stuck, but echoes of it harm nobody."""
    room = Room()
    room.say("ann-1", 1, CLOCK_MAX, {"cursor": 1})
    assert not room.say("ann-1", 1, CLOCK_MAX, {"cursor": 2})
    assert room.told("ann-1") == [Presence(1, CLOCK_MAX, {"cursor": 1, "userId": "ann"})]


def test_everything_is_bounded() -> None:
    """[D3.4] States, clients of one connection, and those remembered after they left."""
    room = Room()
    with pytest.raises(FrameRefused, match="too_large"):
        room.say("ann-1", 1, 1, {"x": "y" * AWARENESS_OWN_BYTES_MAX})
    taken = [room.say("ann-1", client, 1, {}) for client in range(AWARENESS_OWN_CLIENTS_MAX + 3)]
    assert sum(taken) == AWARENESS_OWN_CLIENTS_MAX
    room.leave("ann-1")
    for number in range(AWARENESS_GONE_MAX * 2):
        room.say(f"u{number}-1", 100 + number, 1, {})
        room.leave(f"u{number}-1")
    assert len(room.everybody(again=True)) == AWARENESS_GONE_MAX


def test_what_is_told_is_small_enough_to_be_sent_back() -> None:
    """[D3.4] A client that echoes all it hears breaks no limit by that."""
    room = Room()
    for number in range(60):
        room.say(f"u{number}-1", number, 1, {"x": "y" * (AWARENESS_OWN_BYTES_MAX - 40)})
    updates = room.board.everybody({s: m for s, m in room.members.items() if m}, again=False)
    assert len(updates) > 1
    assert all(len(update) <= AWARENESS_BYTES_MAX for update in updates)
    assert sum(len(decode_awareness(update)) for update in updates) == 60
    assert AWARENESS_OWN_BYTES_MAX < AWARENESS_STATE_BYTES_MAX


@pytest.mark.parametrize(
    "state",
    [
        None,
        {"cursor": 1},
        {"yjs": 7},
        {"yjs": {"x": {"clock": 1, "state": {}}}},
        {"yjs": {"-1": {"clock": 1, "state": {}}}},
        {"yjs": {"9" * 30: {"clock": 1, "state": {}}}},
        {"yjs": {"\u0661": {"clock": 1, "state": {}}}},
        {"yjs": {"1": {"clock": True, "state": {}}}},
        {"yjs": {"1": {"clock": 2**31, "state": {}}}},
        {"yjs": {"1": {"clock": 1, "state": []}}},
        {"yjs": {"1": {"clock": 1, "state": {"x": b"bytes"}}}},
        {"yjs": {"1": {"clock": 1, "state": {"x": float("nan")}}}},
        {"yjs": {"1": {"clock": 1, "state": {"x": "\ud800"}}}},
    ],
)
def test_presence_of_another_shape_is_passed_over(state: Any) -> None:
    """[D3.5] Sessions of the wire show what they like; only the agreed shape is awareness."""
    board = AwarenessBoard()
    assert board.told({"wire": {"user": "ann", "state": state}}) == ()


def test_a_session_of_the_wire_is_shown_in_the_same_shape() -> None:
    """[D3.5] Stamped like everybody, and gone when it takes it back."""
    board = AwarenessBoard()

    def told(claims: dict[str, Any]) -> list[Presence]:
        updates = board.told({"wire": {"user": "ann", "state": {"yjs": claims}}})
        return [entry for update in updates for entry in decode_awareness(update)]

    stamped = {"cursor": 1, "userId": "ann"}
    assert told({"1": {"clock": 1, "state": {"cursor": 1}}}) == [Presence(1, 1, stamped)]
    assert not board.take("eve-1", "eve", [Presence(1, 9, {})])
    moved = {"cursor": 2, "userId": "ann"}
    assert told({"1": {"clock": 2, "state": {"cursor": 2}}}) == [Presence(1, 2, moved)]
    assert told({}) == [Presence(1, 2, None)]


def test_a_session_of_the_wire_that_comes_back_is_shown_once() -> None:
    """[D3.3] Before its old one was missed, too; nobody else takes its client id."""

    def member(user: str, clock: int) -> dict[str, Any]:
        return {"user": user, "state": {"yjs": {"1": {"clock": clock, "state": {}}}}}

    def read(updates: Sequence[bytes]) -> list[Presence]:
        return [entry for update in updates for entry in decode_awareness(update)]

    board = AwarenessBoard()
    shown = {"userId": "ann"}
    assert read(board.told({"ann-1": member("ann", 3)})) == [Presence(1, 3, shown)]
    assert read(board.told({"eve-1": member("eve", 9)})) == []
    assert read(board.told({"ann-2": member("ann", 4)})) == [Presence(1, 4, shown)]
    assert read(board.told({"ann-1": None})) == []
    both = {"ann-1": member("ann", 3), "ann-2": member("ann", 4)}
    assert read(AwarenessBoard().everybody(both, again=False)) == [Presence(1, 4, shown)]


def test_a_board_lives_as_long_as_somebody_visits() -> None:
    """[D3.4] Nothing is kept of documents that nobody has open."""
    boards = Boards()
    first = boards.enter("t")
    assert boards.enter("t") is first
    boards.leave("t")
    assert len(boards) == 1
    boards.leave("t")
    assert len(boards) == 0
    assert boards.enter("t") is not first


def test_whatever_is_said_clocks_told_of_a_client_never_fall() -> None:
    """[D3.4] Random talk of few sessions about few clients: receivers never ignore a change."""
    rng = random.Random(3)
    room = Room()
    sessions = ["ann-1", "ann-2", "bob-1", "eve-1"]
    seen: dict[int, Presence] = {}
    for _ in range(3_000):
        session = rng.choice(sessions)
        if rng.random() < 0.05:
            room.leave(session)
        else:
            state = None if rng.random() < 0.1 else {"n": rng.randrange(3)}
            room.say(session, rng.randrange(4), rng.randrange(12), state)
        for entry in room.told(session):
            before = seen.get(entry.client)
            if before is not None:
                assert entry.clock >= before.clock or entry.state is None
            if before is not None and entry.clock == before.clock and entry.state is not None:
                assert entry.state == before.state
            seen[entry.client] = entry
    shown = {client: entry for client, entry in seen.items() if entry.state is not None}
    assert shown == room.everybody()
