"""A person's list: signals in any order, marks, pages."""

from __future__ import annotations

import random
from typing import Any, Literal

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from collab.errors import BadRequest, LimitExceeded, NotFound, PermissionDenied
from collab.limits import PAGE_LIMIT_DEFAULT, USER_PINS_MAX
from collab.user import USER
from collab.user.commands import Archive, ListItem, PageList, Pin, UnlistItem
from collab.user.state import UserState
from protocol.errors import WireError
from protocol.structure import JSON, structure
from tests.collab.messages.stage import Stage


@pytest.fixture
def mine() -> Stage[UserState]:
    return Stage(USER, "ann")


def item(
    target: str,
    version: int = 1,
    *,
    at_ms: int | None = None,
    kind: Literal["meeting", "chat"] = "chat",
    status: str = "open",
    title: str = "t",
) -> ListItem:
    return ListItem(
        kind=kind,
        target=target,
        title=title,
        status=status,
        role="editor",
        at_ms=version if at_ms is None else at_ms,
        version=version,
    )


def gone(target: str, version: int) -> UnlistItem:
    return UnlistItem(target=target, at_ms=version, version=version)


def targets(page: Any) -> list[str]:
    return [entry["target"] for entry in page["items"]]


# ---------------------------------------------------------------- given signals


@pytest.mark.parametrize(
    ("shape", "change"),
    [
        (ListItem, {"kind": "file"}),
        (ListItem, {"target": ""}),
        (ListItem, {"title": "x" * 201}),
        (ListItem, {"version": 0}),
        (ListItem, {"at_ms": -1}),
        (ListItem, {"role": 1}),
        (UnlistItem, {"version": 0}),
        (UnlistItem, {"target": "x" * 161}),
    ],
)
def test_bad_signals_cannot_be_made(shape: type, change: dict[str, Any]) -> None:
    """[U6.1] A signal's shape is checked when it is made and when it is read."""
    args = {
        "kind": "chat",
        "target": "chat:c",
        "title": "t",
        "status": "open",
        "role": "editor",
        "at_ms": 1,
        "version": 1,
    }
    structure(args, shape, encoding=JSON)
    with pytest.raises(WireError):
        structure(args | change, shape, encoding=JSON)


def test_an_older_signal_changes_nothing(mine: Stage[UserState]) -> None:
    """[U6.2] The newest version of a target wins; repeating it or anything older is ignored."""
    mine.receive(item("chat:c", 5, title="new"))
    for signal in (item("chat:c", 5), item("chat:c", 4), gone("chat:c", 4), gone("chat:c", 5)):
        mine.receive(signal)
    assert mine.seq == 1
    assert mine.state.items["chat:c"].title == "new"


def test_a_late_signal_does_not_bring_back_what_was_unlisted(mine: Stage[UserState]) -> None:
    """[U6.2] Also when the unlisting came first, and for a target never heard of."""
    mine.receive(gone("chat:c", 5))
    mine.receive(item("chat:c", 4))
    assert mine.state.items == {}
    mine.receive(item("chat:c", 6))
    assert list(mine.state.items) == ["chat:c"]


SIGNALS = st.lists(
    st.tuples(st.sampled_from(["chat:a", "chat:b", "meeting:c"]), st.booleans(), st.integers(0, 9)),
    max_size=20,
)


@settings(max_examples=150, deadline=None)
@given(SIGNALS, st.randoms(use_true_random=False))
def test_signals_converge_in_any_order_and_number(
    drawn: list[tuple[str, bool, int]], shuffle: random.Random
) -> None:
    """[U6.2] Whatever is repeated or overtaken, the list ends the same, and replays the same."""
    versions: dict[str, int] = {}
    signals: list[ListItem | UnlistItem] = []
    for target, is_listed, at_ms in drawn:
        version = versions[target] = versions.get(target, 0) + 1
        listed = item(target, version, at_ms=at_ms)
        signals.append(listed if is_listed else gone(target, version))
    in_order, shuffled = Stage(USER, "ann"), Stage(USER, "ann")
    for signal in signals:
        in_order.receive(signal)
    twice = signals * 2
    shuffle.shuffle(twice)
    for signal in twice:
        shuffled.receive(signal)
    assert shuffled.state.items == in_order.state.items
    for stage in (in_order, shuffled):
        state = stage.state
        assert state.order == sorted((entry.at_ms, t) for t, entry in state.items.items())
        for other in (stage.replayed(), stage.restored()):
            assert other == state
            assert (other.order, other.pins) == (state.order, state.pins)


def test_what_is_remembered_of_unlisted_things_is_bounded(
    mine: Stage[UserState], monkeypatch: pytest.MonkeyPatch
) -> None:
    """[U6.3] The oldest unlistings are forgotten first."""
    monkeypatch.setattr("collab.user.state.USER_UNLISTED_MAX", 3)
    for n in range(5):
        mine.receive(gone(f"chat:{n}", 1))
    mine.receive(gone("chat:2", 2))
    mine.receive(gone("chat:5", 1))
    assert list(mine.state.unlisted) == ["chat:4", "chat:2", "chat:5"]


def test_a_full_list_lets_its_oldest_ended_meeting_go(
    mine: Stage[UserState], monkeypatch: pytest.MonkeyPatch
) -> None:
    """[U6.3] First what is over, then what is oldest; never what is pinned; subscribers see it."""
    monkeypatch.setattr("collab.user.rules.USER_ITEMS_MAX", 3)
    mine.receive(item("chat:old", 1))
    mine.receive(item("chat:older", 1, at_ms=0))
    mine.receive(item("meeting:over", 7, kind="meeting", status="ended"))
    mine.do("ann", Pin(target="chat:older"))
    mine.receive(item("chat:old", 2, at_ms=2))
    assert len(mine.state.items) == 3
    mine.receive(item("chat:new", 8))
    assert mine.state.version_of("meeting:over") == 7
    mine.receive(item("chat:newer", 9))
    assert set(mine.state.items) == {"chat:older", "chat:new", "chat:newer"}
    assert [e.TAG for _s, e in mine.history][-2:] == ["user.unlisted", "user.listed"]


# ---------------------------------------------------------------- given user.pin, user.archive


@pytest.mark.parametrize("args", [{}, {"target": ""}, {"target": "chat:c", "on": 1}])
def test_bad_marks_do_not_reach_the_rules(args: dict[str, Any]) -> None:
    """[U6.4] A mark names a target."""
    for shape in (Pin, Archive):
        with pytest.raises(WireError):
            structure(args, shape, encoding=JSON)


def test_marks_refuse_what_is_not_listed_and_who_is_not_me(mine: Stage[UserState]) -> None:
    """[U6.4] Only one's own items, by oneself."""
    mine.receive(item("chat:c"))
    for command in (Pin(target="chat:d"), Archive(target="chat:d")):
        with pytest.raises(NotFound):
            mine.do("ann", command)
    for command in (Pin(target="chat:c"), Archive(target="chat:c")):
        with pytest.raises(PermissionDenied):
            mine.do("bob", command)


def test_pins_are_bounded(mine: Stage[UserState]) -> None:
    """[U6.4] USER_PINS_MAX can be pinned at once."""
    for n in range(USER_PINS_MAX + 1):
        mine.receive(item(f"chat:{n}"))
    for n in range(USER_PINS_MAX):
        mine.do("ann", Pin(target=f"chat:{n}"))
    with pytest.raises(LimitExceeded):
        mine.do("ann", Pin(target=f"chat:{USER_PINS_MAX}"))
    mine.do("ann", Pin(target="chat:0", on=False))
    mine.do("ann", Pin(target=f"chat:{USER_PINS_MAX}"))


def test_marks_survive_news_and_end_with_the_listing(mine: Stage[UserState]) -> None:
    """[U6.4] A mark carries its time; repeating it changes nothing; unlisting ends it."""
    mine.receive(item("chat:c", 1))
    first = mine.do("ann", Pin(target="chat:c"))
    assert first["pinned_ms"] == mine.now_ms
    mine.now_ms += 10
    assert mine.do("ann", Pin(target="chat:c")) == first
    assert mine.do("ann", Archive(target="chat:c"))["archived_ms"] == mine.now_ms
    mine.receive(item("chat:c", 2, title="renamed"))
    entry = mine.state.items["chat:c"]
    assert (entry.title, entry.pinned_ms, entry.archived_ms) == (
        "renamed",
        first["pinned_ms"],
        mine.now_ms,
    )
    assert mine.do("ann", Archive(target="chat:c", on=False))["archived_ms"] is None
    mine.receive(gone("chat:c", 3))
    mine.receive(item("chat:c", 4))
    assert mine.state.items["chat:c"].pinned_ms is None
    assert mine.replayed() == mine.state == mine.restored()


# ---------------------------------------------------------------- given user.list


@pytest.mark.parametrize(
    "args", [{"limit": 0}, {"limit": 201}, {"kind": "user"}, {"before": "x" * 200}, {"before": 5}]
)
def test_bad_pages_do_not_reach_the_rules(args: dict[str, Any]) -> None:
    """[U6.5] Limits and kinds are checked."""
    with pytest.raises(WireError):
        structure(args, PageList, encoding=JSON)


async def test_a_page_refuses_others_and_forged_cursors(mine: Stage[UserState]) -> None:
    """[U6.5] What is not a cursor is a bad request, not an empty page."""
    with pytest.raises(PermissionDenied):
        await mine.look("bob", PageList())
    for cursor in ("", "x", "5", "-1:chat:c", "²:chat:c"):
        with pytest.raises(BadRequest):
            await mine.look("ann", PageList(before=cursor))


async def test_pages_are_newest_first_and_filtered(mine: Stage[UserState]) -> None:
    """[U6.5] By time, then target; archived ones only when asked for."""
    mine.receive(item("chat:a", 1, at_ms=10))
    mine.receive(item("chat:b", 1, at_ms=10))
    mine.receive(item("meeting:m", 1, at_ms=30, kind="meeting"))
    mine.receive(item("chat:z", 1, at_ms=5))
    mine.do("ann", Archive(target="chat:a"))
    mine.do("ann", Pin(target="chat:z"))
    look = mine.look
    assert targets(await look("ann", PageList())) == ["meeting:m", "chat:b", "chat:z"]
    assert targets(await look("ann", PageList(kind="chat"))) == ["chat:b", "chat:z"]
    assert targets(await look("ann", PageList(kind="meeting"))) == ["meeting:m"]
    assert targets(await look("ann", PageList(is_archived=True))) == ["chat:a"]
    assert targets(await look("ann", PageList(is_pinned=True))) == ["chat:z"]
    assert targets(await look("ann", PageList(is_pinned=False))) == ["meeting:m", "chat:b"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 9), max_size=25),
    st.integers(1, 6),
    st.lists(st.tuples(st.integers(0, 24), st.booleans()), max_size=6),
)
def test_pages_stay_stable_while_the_list_changes(
    times: list[int], limit: int, changes: list[tuple[int, bool]]
) -> None:
    """[U6.5] What does not change is shown exactly once, however the rest moves between pages."""
    mine = Stage(USER, "ann")
    for n, at_ms in enumerate(times):
        mine.receive(item(f"chat:{n:02}", 1, at_ms=at_ms))
    waiting = list(changes)
    moved = {f"chat:{n:02}" for n, _ in changes}

    async def read_all() -> list[str]:
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = await mine.look("ann", PageList(before=cursor, limit=limit))
            found += targets(page)
            if not page["more"]:
                assert page["cursor"] is None
                return found
            cursor = page["cursor"]
            if waiting:
                n, is_unlisted = waiting.pop()
                mine.seq += 1
                target = f"chat:{n:02}"
                version = 100 + mine.seq
                mine.receive(gone(target, version) if is_unlisted else item(target, version))

    found = trio.run(read_all)
    still = sorted(((at_ms, f"chat:{n:02}") for n, at_ms in enumerate(times)), reverse=True)
    assert [t for t in found if t not in moved] == [t for _, t in still if t not in moved]


async def test_a_page_looks_at_so_many_items(
    mine: Stage[UserState], monkeypatch: pytest.MonkeyPatch
) -> None:
    """[U6.5] Where few are wanted a page is short, or empty, and leads on; nothing is left out."""
    monkeypatch.setattr("collab.user.view.USER_SCANNED_MAX", 3)
    for n in range(10):
        mine.receive(item(f"chat:{n}", 1, at_ms=n))
    mine.do("ann", Archive(target="chat:1"))
    mine.do("ann", Archive(target="chat:8"))
    pages: list[list[str]] = []
    cursor: str | None = None
    while not pages or cursor is not None:
        page = await mine.look("ann", PageList(is_archived=True, before=cursor))
        pages.append(targets(page))
        cursor = page["cursor"]
    assert pages == [["chat:8"], [], ["chat:1"], []]


def test_the_snapshot_is_the_first_page_and_the_pins(mine: Stage[UserState]) -> None:
    """[U6.6] A subscriber sees the newest items, all pinned ones, and whether there is more."""
    for n in range(PAGE_LIMIT_DEFAULT + 1):
        mine.receive(item(f"chat:{n:02}", 1, at_ms=n))
    mine.do("ann", Pin(target="chat:00"))
    snapshot = mine.snapshot("ann", "list")
    assert targets(snapshot)[:2] == ["chat:50", "chat:49"]
    assert len(snapshot["items"]) == PAGE_LIMIT_DEFAULT
    assert (snapshot["more"], snapshot["cursor"]) == (True, "1:chat:01")
    assert [entry["target"] for entry in snapshot["pinned"]] == ["chat:00"]
    with pytest.raises(PermissionDenied):
        mine.snapshot("bob", "list")
