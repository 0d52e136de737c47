"""Messages under random batches, against a model that keeps everything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collab.errors import CollabError, NotFound
from collab.kind import Stamp
from collab.messages import (
    DeleteAnyMessage,
    DeleteMessage,
    EditMessage,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    PageHistory,
    PageMessages,
    PostMessage,
    React,
)
from tests.collab.messages.room import ROOM, Room
from tests.collab.messages.stage import Stage

USERS = st.sampled_from(["ann", "bob"])
IDS = st.integers(1, 40)
TEXTS = st.sampled_from(["a", "b", "c" * 60])

COMMANDS = st.one_of(
    st.builds(
        PostMessage,
        text=TEXTS,
        reply_to=st.none() | IDS,
        parent=st.none() | st.none() | st.integers(0, 40),
    ),
    st.builds(PostMessage, text=TEXTS),
    st.builds(EditMessage, id=IDS, text=TEXTS),
    st.builds(DeleteMessage, id=IDS),
    st.builds(DeleteAnyMessage, id=IDS),
    st.builds(React, id=IDS, emoji=st.sampled_from(["+", "-"]), on=st.booleans()),
)
BATCHES = st.lists(st.lists(st.tuples(USERS, COMMANDS), min_size=1, max_size=8), max_size=12)


@pytest.fixture(autouse=True)
def _little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make almost every message an old one."""
    monkeypatch.setattr("collab.messages.state.MESSAGE_TAIL_MAX", 4)
    monkeypatch.setattr("collab.messages.state.MESSAGE_TAIL_BYTES_MAX", 1_000)
    monkeypatch.setattr("collab.messages.state.MESSAGE_CACHE_MAX", 24)  # A batch names 16.
    monkeypatch.setattr("collab.messages.rules.BRANCHES_MAX", 5)


def play(batches: list[list[tuple[str, Any]]]) -> Stage[Room]:
    """Play all; every message that somebody could know of (its post is committed) is found."""
    room = Stage(ROOM)
    for batch in batches:
        room.now_ms += 1
        known = {stamp.seq for stamp, event in room.history if isinstance(event, MessagePosted)}
        for _who, command in batch:
            for listing, positions in ROOM.needs(room.state, command).items():
                assert ROOM.load is not None
                ROOM.load(room.state, listing, room.rows.load(listing, positions))
        for who, command in batch:
            try:
                outcome = ROOM.commands[type(command)](room.state, command, room.context(who))
            except NotFound:
                assert named(command) - known, "a message that exists was not found"
                continue
            except CollabError:
                continue
            room.happen(who, outcome.events)
    return room


def named(command: Any) -> set[int]:
    """Return the ids of messages that *command* mentions."""
    mentions = [getattr(command, name, None) for name in ("id", "reply_to", "parent")]
    return {at for at in mentions if at}


def expected(history: list[tuple[Stamp, Any]]) -> dict[int, dict[str, Any]]:
    """Return all messages as a plain reading of the events has them."""
    messages: dict[int, dict[str, Any]] = {}
    for stamp, event in history:
        if isinstance(event, MessagePosted):
            messages[stamp.seq] = {
                "parts": event.parts,
                "parent": event.parent,
                "said": [],
                "reactions": {},
                "is_deleted": False,
            }
            continue
        message = messages[event.id]
        if isinstance(event, MessageEdited):
            message["said"].append((stamp.seq, message["parts"]))
            message["parts"] = event.parts
        elif isinstance(event, MessageDeleted):
            message.update(parts=[], reactions={}, is_deleted=True, said=[])
        else:
            users = message["reactions"].setdefault(event.emoji, [])
            (users.append if event.on else users.remove)(stamp.by)
            if not users:
                del message["reactions"][event.emoji]
    return messages


FIELDS = ("parts", "parent", "reactions", "is_deleted")


def core(message: dict[str, Any]) -> dict[str, Any]:
    return {name: message[name] for name in FIELDS}


def line_of(messages: dict[int, dict[str, Any]], leaf: int) -> Iterator[int]:
    while leaf:
        yield leaf
        leaf = messages[leaf]["parent"]


SETTINGS = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@SETTINGS
@given(BATCHES)
def test_a_replay_and_a_snapshot_equal_the_live_state(batches: list[Any]) -> None:
    """[C2.8] The tail follows from the events alone, whatever was loaded meanwhile."""
    room = play(batches)
    assert room.replayed() == room.state == room.restored()
    log = room.state.messages
    assert log.tail_weight == sum(message.weigh() for message in log.tail)
    everything = expected(room.history)
    assert [m.id for m in log.tail] == list(everything)[len(everything) - len(log.tail) :]
    assert log.count == len(everything)
    parents = {message["parent"] for message in everything.values()}
    assert set(log.leaves) == set(everything) - parents


@SETTINGS
@given(BATCHES, st.integers(1, 7))
def test_pages_histories_and_branches_equal_the_events(batches: list[Any], limit: int) -> None:
    """[C2.6] Whatever memory held when a command ran, the rows say what the events say."""
    room = play(batches)
    everything = expected(room.history)

    async def read_all() -> None:
        found: dict[int, dict[str, Any]] = {}
        more, after = True, 0
        while more:
            page = await room.look("ann", PageMessages(after=after, limit=limit))
            found |= {message["id"]: core(message) for message in page["messages"]}
            more, after = page["more"], max([after, *found])
        assert found == {at: core(message) for at, message in everything.items()}
        for at, message in everything.items():
            versions = (await room.look("ann", PageHistory(id=at)))["versions"]
            assert [(v["seq"], v["parts"]) for v in versions] == message["said"]
        for leaf in room.state.messages.leaves:
            line: list[int] = []
            at = leaf
            while at:
                page = await room.look("ann", PageMessages(leaf=at, limit=limit))
                line += [message["id"] for message in reversed(page["messages"])]
                at = page["next_leaf"]
            assert line == list(line_of(everything, leaf))

    trio.run(read_all)


@SETTINGS
@given(BATCHES, st.integers(1, 40), st.integers(1, 7))
def test_pages_before_a_place_equal_the_events(batches: list[Any], before: int, limit: int) -> None:
    """[C2.6] The newest below a bound, from memory or from rows, with the right `more`."""
    room = play(batches)
    older = [at for at in expected(room.history) if at < before]

    async def read() -> None:
        page = await room.look("ann", PageMessages(before=before, limit=limit))
        assert [message["id"] for message in page["messages"]] == older[-limit:]
        assert page["more"] == (len(older) > limit)

    trio.run(read)
