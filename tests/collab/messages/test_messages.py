"""Messages, command by command; each group opens with what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from collab.errors import Conflict, LimitExceeded, NotFound, PermissionDenied
from collab.limits import (
    EDITS_PER_MESSAGE_MAX,
    MESSAGE_BYTES_MAX,
    REACTIONS_PER_MESSAGE_MAX,
    TEXT_LEN_MAX,
)
from collab.messages import (
    DeleteAnyMessage,
    DeleteMessage,
    EditMessage,
    GetMessage,
    PageHistory,
    PageMessages,
    PostMessage,
    React,
)
from collab.messages.parts import Text, ToolCall
from protocol.errors import WireError
from protocol.structure import JSON, structure
from tests.collab.messages.room import Room, post, text_of
from tests.collab.messages.stage import Stage

# ---------------------------------------------------------------- given messages.post


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"text": "a", "parts": [{"type": "text", "text": "a"}]},
        {"text": ""},
        {"text": 7},
        {"text": "x" * (TEXT_LEN_MAX + 1)},
        {"parts": []},
        {"parts": [{"type": "text", "text": "x"}] * 65},
        {"parts": [{"type": "video", "url": "https://a"}]},
        {"parts": [{"text": "no type"}]},
        {"parts": [{"type": "image"}]},
        {"parts": [{"type": "image", "url": "javascript:alert(1)"}]},
        {"parts": [{"type": "image", "url": "https://a", "file_id": "f"}]},
        {"parts": [{"type": "file", "file_id": "f"}]},
        {"parts": [{"type": "file", "file_id": "f", "name": "n", "size_bytes": -1}]},
        {"parts": [{"type": "tool_call", "call_id": "", "name": "n"}]},
        {"parts": [{"type": "tool_call", "call_id": "a b", "name": "n"}]},
        {"parts": [{"type": "tool_call", "call_id": "c", "name": "n", "arguments": []}]},
        {"parts": [{"type": "tool_result", "call_id": "c", "result": [[[[[[[[[1]]]]]]]]]}]},
        {"parts": [{"type": "tool_result", "call_id": "c", "result": 2**60}]},
        {"text": "a", "role": "root"},
        {"text": "a", "reply_to": 0},
        {"text": "a", "reply_to": True},
        {"text": "a", "parent": -1},
        {"text": "a", "group_id": "two words"},
        {"text": "a", "model": ""},
    ],
)
def test_bad_posts_do_not_reach_the_rules(args: dict[str, Any]) -> None:
    """[C2.1] What a message may hold is checked before anything else, and typed."""
    with pytest.raises(WireError) as refused:
        structure(args, PostMessage, encoding=JSON)
    assert refused.value.code == "bad_request"


@pytest.mark.parametrize(
    "value", [b"bytes", float("nan"), float("inf"), {1: 2}, "\ud800", {"k": {1, 2}}, {"\ud800": 1}]
)
def test_tools_hold_only_what_every_client_can_read(value: object) -> None:
    """[C2.1] Arguments and results of tools are plain JSON, also from an embedding program."""
    with pytest.raises(ValueError, match=r".+"):
        ToolCall(call_id="c", name="n", arguments={"value": value})


def test_half_a_character_is_refused() -> None:
    """[C2.1] Text that has no UTF-8 form would break storage, so it never gets there."""
    with pytest.raises(ValueError, match="surrogates"):
        PostMessage(text="\ud800")


def test_post_refuses_what_it_would_answer_or_follow_but_cannot_find(room: Stage[Room]) -> None:
    """[C2.2] reply_to and parent name messages of this log."""
    post(room)
    for command in (
        PostMessage(text="x", reply_to=2),
        PostMessage(text="x", reply_to=99),
        PostMessage(text="x", parent=2),
    ):
        with pytest.raises(NotFound):
            room.do("ann", command)
    assert room.seq == 1


async def test_what_was_posted_belongs_to_the_log(room: Stage[Room]) -> None:
    """[C2.1] Changing what was handed in, or out, changes neither state nor rows nor events."""
    arguments: dict[str, Any] = {"list": [1, {"deep": "kept"}], "pair": (1, 2)}
    call = ToolCall(call_id="1", name="t", arguments=arguments)
    message_id = room.do("ann", PostMessage(parts=(call,)))["id"]
    before = room.dump()
    arguments["list"][1]["deep"] = "changed later"
    arguments["more"] = True
    shown = await room.look("ann", GetMessage(id=message_id))
    assert shown["parts"][0]["arguments"] == {"list": [1, {"deep": "kept"}], "pair": [1, 2]}
    shown["parts"][0]["arguments"]["list"].clear()
    room.snapshot("ann", "messages")["messages"][0]["parts"].clear()
    (page,) = (await room.look("ann", PageMessages()))["messages"]
    page["parts"].clear()
    assert room.dump() == before
    assert room.replayed() == room.state


def test_post_refuses_a_message_that_is_too_large(room: Stage[Room]) -> None:
    """[C2.1] All parts together fit MESSAGE_BYTES_MAX."""
    part = Text(text="é" * TEXT_LEN_MAX)
    assert 2 * 2 * TEXT_LEN_MAX > MESSAGE_BYTES_MAX
    room.do("ann", PostMessage(parts=(part,)))
    with pytest.raises(LimitExceeded):
        room.do("ann", PostMessage(parts=(part, part)))


async def test_a_posted_message_is_what_everybody_reads(room: Stage[Room]) -> None:
    """[C2.2] Author, time and id come from the event; parts keep their types and order."""
    first = post(room)
    args: dict[str, Any] = {
        "parts": [
            {"type": "reasoning", "text": "hm"},
            {"type": "text", "text": "hé"},
            {"type": "image", "file_id": "f1", "alt": "a cat"},
            {"type": "file", "url": "https://a/b", "name": "b", "size_bytes": 0},
            {"type": "tool_call", "call_id": "c", "name": "t", "arguments": {"a": [1, None]}},
            {"type": "tool_result", "call_id": "c", "result": {"x": 1.5}, "is_error": False},
        ],
        "role": "assistant",
        "reply_to": first,
        "group_id": "g",
        "model": "m-1",
    }
    room.now_ms += 5
    reply = room.do("bob", structure(args, PostMessage, encoding=JSON))
    assert reply == {"id": 2}
    message = await room.look("ann", GetMessage(id=2))
    parts = message.pop("parts")
    assert [part["type"] for part in parts] == [part["type"] for part in args["parts"]]
    assert parts[4]["arguments"] == {"a": [1, None]}
    assert message == {
        "id": 2,
        "author": "bob",
        "role": "assistant",
        "at_ms": room.now_ms,
        "parent": 1,
        "reply_to": 1,
        "group_id": "g",
        "model": "m-1",
        "edited_ms": None,
        "edits": [],
        "reactions": {},
        "is_deleted": False,
        "n": 2,
    }


# ---------------------------------------------------------------- given messages.edit


@pytest.mark.parametrize(
    "args", [{"id": 1}, {"id": 0, "text": "a"}, {"text": "a"}, {"id": 1, "text": ""}]
)
def test_bad_edits_do_not_reach_the_rules(args: dict[str, Any]) -> None:
    """[C2.1] An edit has the same shape as a post, and an id."""
    with pytest.raises(WireError):
        structure(args, EditMessage, encoding=JSON)


def test_edit_refuses_others_messages_unknown_and_deleted_ones(room: Stage[Room]) -> None:
    """[C2.3] Only the author edits, and only what is there."""
    mine = post(room)
    with pytest.raises(PermissionDenied):
        room.do("bob", EditMessage(id=mine, text="mine now"))
    with pytest.raises(NotFound):
        room.do("ann", EditMessage(id=mine + 1, text="x"))
    room.do("ann", DeleteMessage(id=mine))
    with pytest.raises(Conflict):
        room.do("ann", EditMessage(id=mine, text="back"))
    assert room.seq == 2


def test_edit_refuses_to_go_on_for_ever(room: Stage[Room]) -> None:
    """[C2.3] A message can be edited EDITS_PER_MESSAGE_MAX times."""
    mine = post(room)
    for n in range(EDITS_PER_MESSAGE_MAX):
        room.do("ann", EditMessage(id=mine, text=str(n)))
    with pytest.raises(LimitExceeded):
        room.do("ann", EditMessage(id=mine, text="once more"))


async def test_edits_keep_what_was_said_before(room: Stage[Room]) -> None:
    """[C2.3] Every former version stays readable, with its time; the same text is no edit."""
    mine = post(room, "one")
    posted_ms = room.now_ms
    for text in ("two", "two", "three"):
        room.now_ms += 10
        room.do("ann", EditMessage(id=mine, text=text))
    message = await room.look("bob", GetMessage(id=mine))
    assert (text_of(message), message["edits"]) == ("three", [2, 3])
    assert message["edited_ms"] == posted_ms + 30
    history = await room.look("bob", PageHistory(id=mine))
    assert history == {
        "versions": [
            {"seq": 2, "at_ms": posted_ms, "parts": [{"type": "text", "text": "one"}]},
            {"seq": 3, "at_ms": posted_ms + 10, "parts": [{"type": "text", "text": "two"}]},
        ],
        "more": False,
    }
    last = await room.look("bob", PageHistory(id=mine, limit=1))
    assert ([v["seq"] for v in last["versions"]], last["more"]) == ([3], True)
    first = await room.look("bob", PageHistory(id=mine, limit=1, before=3))
    assert ([v["seq"] for v in first["versions"]], first["more"]) == ([2], False)


# ---------------------------------------------------------------- given messages.delete


def test_delete_refuses_others_messages_and_unknown_ones(room: Stage[Room]) -> None:
    """[C2.4] messages.delete is for one's own; messages.delete_any is another permission."""
    mine = post(room)
    with pytest.raises(PermissionDenied):
        room.do("bob", DeleteMessage(id=mine))
    for command in (DeleteMessage(id=7), DeleteAnyMessage(id=7)):
        with pytest.raises(NotFound):
            room.do("ann", command)
    assert room.seq == 1


@pytest.mark.parametrize(
    ("who", "command"), [("ann", DeleteMessage(id=1)), ("mod", DeleteAnyMessage(id=1))]
)
async def test_deleting_takes_the_content_everywhere_and_leaves_a_tombstone(
    room: Stage[Room], who: str, command: object
) -> None:
    """[C2.4] Text, reactions and former versions are gone from memory and rows; the place stays."""
    mine = post(room, "secret one")
    room.do("ann", EditMessage(id=mine, text="secret two"))
    room.do("bob", React(id=mine, emoji="+1"))
    after = post(room, "after")
    room.do(who, command)
    room.do(who, command)
    assert room.seq == 5
    page = await room.look("bob", PageMessages())
    assert [m["id"] for m in page["messages"]] == [mine, after]
    gone = page["messages"][0]
    assert (gone["is_deleted"], gone["parts"], gone["reactions"]) == (True, [], {})
    assert gone["author"] == "ann"
    assert (await room.look("bob", PageHistory(id=mine)))["versions"] == []
    assert b"secret" not in room.dump()
    assert not any(
        b"secret" in row for rows in room.rows.listings.values() for row in rows.values()
    )


# ---------------------------------------------------------------- given messages.react


@pytest.mark.parametrize(
    "args",
    [{"id": 1}, {"id": 1, "emoji": ""}, {"id": 1, "emoji": "a b"}, {"id": 1, "emoji": "x" * 33}],
)
def test_bad_reactions_do_not_reach_the_rules(args: dict[str, Any]) -> None:
    """[C2.1] An emoji is short and has no spaces."""
    with pytest.raises(WireError):
        structure(args, React, encoding=JSON)


def test_react_refuses_unknown_and_deleted_messages_and_too_many(room: Stage[Room]) -> None:
    """[C2.5] Reactions go onto messages that are there, a bounded number of them."""
    with pytest.raises(NotFound):
        room.do("ann", React(id=1, emoji="+1"))
    mine, full = post(room), post(room)
    room.do("ann", DeleteMessage(id=mine))
    with pytest.raises(Conflict):
        room.do("ann", React(id=mine, emoji="+1"))
    for n in range(REACTIONS_PER_MESSAGE_MAX):
        room.do(f"u{n % 250}", React(id=full, emoji=f"e{n // 250}"))
    with pytest.raises(LimitExceeded):
        room.do("late", React(id=full, emoji="+1"))
    room.do("u0", React(id=full, emoji="e0", on=False))
    room.do("late", React(id=full, emoji="+1"))


async def test_reactions_count_each_user_once(room: Stage[Room]) -> None:
    """[C2.5] Repeating changes nothing; the last one who takes an emoji back removes it."""
    mine = post(room)
    for who, on in (("ann", True), ("ann", True), ("bob", True), ("ann", False), ("ann", False)):
        room.do(who, React(id=mine, emoji="+1", on=on))
    assert (await room.look("ann", GetMessage(id=mine)))["reactions"] == {"+1": ["bob"]}
    assert room.seq == 4
    room.do("bob", React(id=mine, emoji="+1", on=False))
    assert (await room.look("ann", GetMessage(id=mine)))["reactions"] == {}
