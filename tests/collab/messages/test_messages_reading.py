"""Reading messages: pages, branches, and what memory holds."""

from __future__ import annotations

from typing import Any

import pytest

from collab.errors import LimitExceeded, NotFound
from collab.limits import (
    BRANCHES_MAX,
    MESSAGE_CACHE_MAX,
    MESSAGE_TAIL_BYTES_MAX,
    MESSAGE_TAIL_MAX,
    PAGE_LIMIT_MAX,
    TEXT_LEN_MAX,
)
from collab.messages import (
    DeleteMessage,
    EditMessage,
    GetMessage,
    PageHistory,
    PageMessages,
    PostMessage,
    React,
)
from protocol.errors import WireError
from protocol.structure import JSON, structure
from tests.collab.messages.room import Room, post, text_of
from tests.collab.messages.stage import Stage

# ---------------------------------------------------------------- given queries


@pytest.mark.parametrize(
    "args",
    [
        {"before": 1, "after": 1},
        {"leaf": 1, "after": 1},
        {"limit": 0},
        {"limit": PAGE_LIMIT_MAX + 1},
        {"before": 0},
        {"after": -1},
        {"leaf": 0},
        {"before": "1"},
    ],
)
def test_bad_pages_do_not_reach_the_rules(args: dict[str, Any]) -> None:
    """[C2.6] One bound at a time, a limit within limits."""
    with pytest.raises(WireError):
        structure(args, PageMessages, encoding=JSON)


async def test_what_does_not_exist_is_not_found(room: Stage[Room]) -> None:
    """[C2.6] Unknown ids are not found, whether they are newer than everything or no messages."""
    mine = post(room)
    room.do("ann", EditMessage(id=mine, text="x"))
    post(room)
    for query in (GetMessage(id=9), PageHistory(id=9), PageMessages(leaf=9)):
        with pytest.raises(NotFound):
            await room.look("ann", query)
    for query in (GetMessage(id=2), PageHistory(id=2), PageMessages(leaf=2)):
        with pytest.raises(NotFound):
            await room.look("ann", query)


async def test_paging_reaches_every_message_once_from_both_ends(room: Stage[Room]) -> None:
    """[C2.6] Pages follow each other without a gap, across memory and rows."""
    ids = [post(room, f"m{n}") for n in range(MESSAGE_TAIL_MAX * 2 + 7)]
    back: list[int] = []
    more, before = True, None
    while more:
        page = await room.look("ann", PageMessages(before=before, limit=30))
        back = [m["id"] for m in page["messages"]] + back
        before, more = back[0], page["more"]
    forth: list[int] = []
    more = True
    while more:
        after = forth[-1] if forth else 0
        page = await room.look("ann", PageMessages(after=after, limit=31))
        forth += [m["id"] for m in page["messages"]]
        more = page["more"]
    assert back == forth == ids
    beyond = await room.look("ann", PageMessages(after=ids[-1]))
    assert beyond == {"messages": [], "more": False}


async def test_a_page_is_bounded_by_bytes_as_well(room: Stage[Room]) -> None:
    """[C2.6] Large messages make short pages, and `more` says so."""
    ids = [post(room, "x" * TEXT_LEN_MAX) for _ in range(20)]
    page = await room.look("ann", PageMessages(before=ids[10], limit=20))
    assert [m["id"] for m in page["messages"]] == ids[4:10]
    assert page["more"] is True
    page = await room.look("ann", PageMessages(after=0, limit=20))
    assert [m["id"] for m in page["messages"]] == ids[:6]
    assert page["more"] is True


async def test_a_branch_is_paged_along_its_parents(room: Stage[Room]) -> None:
    """[C2.7] The leaf names the branch; what the other branches said stays out."""
    one, two = post(room, "one"), post(room, "two")
    other = [post(room, "other", parent=one if n == 0 else None) for n in range(4)]
    main = post(room, "three", parent=two)
    begun = post(room, "anew", parent=0)
    page = await room.look("ann", PageMessages(leaf=main))
    assert [m["id"] for m in page["messages"]] == [one, two, main]
    assert (page["more"], page["next_leaf"]) == (False, 0)
    page = await room.look("ann", PageMessages(leaf=other[-1], limit=2))
    assert [m["id"] for m in page["messages"]] == other[-2:]
    assert (page["more"], page["next_leaf"]) == (True, other[1])
    page = await room.look("ann", PageMessages(leaf=page["next_leaf"], limit=9))
    assert [m["id"] for m in page["messages"]] == [one, *other[:2]]
    page = await room.look("ann", PageMessages(leaf=begun))
    assert [m["id"] for m in page["messages"]] == [begun]
    assert room.state.messages.leaves == [other[-1], main, begun]


def test_branches_are_bounded(room: Stage[Room]) -> None:
    """[C2.7] Beyond BRANCHES_MAX a branch cannot begin; the others go on growing."""
    root = post(room)
    ends = [post(room, parent=root) for _ in range(BRANCHES_MAX)]
    for parent in (root, 0, ends[0] - 1):
        with pytest.raises(LimitExceeded):
            room.do("ann", PostMessage(text="x", parent=parent))
    post(room, parent=ends[3])


# ---------------------------------------------------------------- given memory


def test_memory_holds_a_bounded_tail(room: Stage[Room]) -> None:
    """[C2.8] The snapshot is the tail: so many messages, so many bytes, at least one."""
    for n in range(MESSAGE_TAIL_MAX + 1):
        post(room, f"m{n}")
    snapshot = room.snapshot("ann", "messages")
    assert len(snapshot["messages"]) == MESSAGE_TAIL_MAX
    assert snapshot["more"] is True
    assert snapshot["leaf"] == room.seq
    for _ in range(8):
        post(room, "x" * TEXT_LEN_MAX)
    log = room.state.messages
    assert len(log.tail) == 6
    assert log.tail_weight == sum(m.weight for m in log.tail) <= MESSAGE_TAIL_BYTES_MAX
    assert all(m.weight >= len(m.pack()) for m in log.tail)


def test_a_whole_log_has_nothing_older(room: Stage[Room]) -> None:
    """[C2.8] `more` is false while everything is shown, tombstones included."""
    assert room.snapshot("ann", "messages") == {"messages": [], "more": False, "leaf": 0}
    room.do("ann", DeleteMessage(id=post(room)))
    assert room.snapshot("ann", "messages")["more"] is False


async def test_old_messages_are_loaded_for_the_commands_that_name_them(room: Stage[Room]) -> None:
    """[C2.8] Edit, react, delete and reply reach any message, and what they did is stored."""
    ids = [post(room, f"m{n}") for n in range(MESSAGE_TAIL_MAX + 50)]
    room.do("ann", EditMessage(id=ids[0], text="edited"))
    room.do("bob", React(id=ids[0], emoji="+1"))
    room.do("ann", DeleteMessage(id=ids[1]))
    post(room, "reply", reply_to=ids[2], parent=ids[3])
    message = await room.look("ann", GetMessage(id=ids[0]))
    page = await room.look("ann", PageMessages(after=0, limit=2))
    assert page["messages"][0] == message
    assert (text_of(message), message["reactions"]) == ("edited", {"+1": ["bob"]})
    assert page["messages"][1]["is_deleted"]
    assert text_of((await room.look("ann", PageHistory(id=ids[0])))["versions"][0]) == "m0"


def test_a_message_stays_at_hand_for_the_batch_that_names_it(room: Stage[Room]) -> None:
    """[C2.8] Posts earlier in a batch may push it out of the tail; the command still finds it."""
    ids = [post(room) for _ in range(MESSAGE_TAIL_MAX)]
    posts: list[tuple[str, object]] = [("ann", PostMessage(text="x"))] * MESSAGE_TAIL_MAX
    room.batch([*posts, ("bob", React(id=ids[0], emoji="+1"))])
    assert room.seq == 2 * MESSAGE_TAIL_MAX + 1
    assert ids[0] < room.state.messages.tail[0].id


def test_the_cache_is_bounded_and_not_part_of_a_snapshot(room: Stage[Room]) -> None:
    """[C2.8] Touching old messages costs a bounded amount of memory, and no bytes of snapshot."""
    ids = [post(room) for _ in range(MESSAGE_CACHE_MAX + MESSAGE_TAIL_MAX + 20)]
    before = len(room.dump())
    for message_id in ids[: MESSAGE_CACHE_MAX + 10]:
        room.do("bob", React(id=message_id, emoji="+1"))
    assert len(room.state.messages.cache) == MESSAGE_CACHE_MAX
    assert len(room.dump()) == before
    assert room.restored() == room.state
