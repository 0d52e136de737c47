"""The guide's own kind, as printed there, over a real socket."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from collab.app import AppSettings
from collab.kinds import BUILT_IN, KindUnusable, load_kinds
from protocol.client import Event, SnapshotItem
from protocol.errors import CallFailed
from tests.integration.served import served

GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"


def printed_code() -> str:
    match = re.search(r"```python\n(# checklist\.py\n.*?)```", GUIDE.read_text(), re.DOTALL)
    assert match is not None
    return match[1]


@pytest.fixture
def checklist(monkeypatch: pytest.MonkeyPatch) -> Any:
    module = ModuleType("checklist")
    monkeypatch.setitem(sys.modules, "checklist", module)
    exec(compile(printed_code(), "checklist.py", "exec"), module.__dict__)
    return module


async def test_the_guides_kind_lives_like_any_other(checklist: Any, tmp_path: Path) -> None:
    """[V6.1] Reachable, typed, permission-checked, journaled, live, safe to retry."""
    settings = AppSettings(dev=True, kinds=[*BUILT_IN, checklist.CHECKLIST])
    target = "checklist:groceries"
    async with served(tmp_path, settings) as server, server.client("ann") as ann:
        milk = await ann.call(target, "items.add", {"text": "milk"}, key="k1")
        assert await ann.call(target, "items.add", {"text": "milk"}, key="k1") == milk
        async with server.client("ben", encoding="json") as ben:
            async with ben.follow(target, ["items"]) as follower:
                shown = await anext(follower)
                assert isinstance(shown, SnapshotItem)
                assert shown.topics["items"] == [{"id": 1, "text": "milk", "done": False}]
                await ann.call(target, "items.tick", {"id": 1, "done": True})
                event = await anext(follower)
                assert isinstance(event, Event)
                assert (event.type, event.data) == ("item.ticked", {"id": 1, "done": True})
            for args in ({"text": ""}, {"text": 1}, {}, {"text": "x" * 201}):
                with pytest.raises(CallFailed, match="bad_request"):
                    await ann.call(target, "items.add", args)
            with pytest.raises(CallFailed, match="permission_denied"):
                await ben.call(target, "items.add", {"text": "beer"})
            with pytest.raises(CallFailed, match="not_found"):
                await ann.call(target, "items.tick", {"id": 99, "done": True})
    async with served(tmp_path, settings) as server, server.client("ann") as ann:
        assert await ann.call(target, "items.add", {"text": "milk"}, key="k1") == milk
        async with ann.follow(target, ["items"]) as follower:
            shown = await anext(follower)
            assert isinstance(shown, SnapshotItem)
            assert shown.topics["items"] == [{"id": 1, "text": "milk", "done": True}]


async def test_a_crash_in_a_rule_hurts_only_its_caller(checklist: Any) -> None:
    """[V6.2] The caller gets internal with an id; state, others and the stream go on."""

    def broken(_state: Any, _command: Any, _context: Any) -> Any:
        raise RuntimeError("a bug in the rules")

    kind = checklist.CHECKLIST
    commands = {**kind.commands, checklist.TickItem: broken}
    broken_kind = type(kind)(
        name=kind.name,
        new_state=kind.new_state,
        commands=commands,
        events=kind.events,
        topics=kind.topics,
        role_of=kind.role_of,
        permissions=kind.permissions,
    )
    settings = AppSettings(dev=True, kinds=[broken_kind])
    async with served(settings=settings) as server, server.client("ann") as ann:
        await ann.call("checklist:c", "items.add", {"text": "milk"})
        async with ann.follow("checklist:c", ["items"]) as follower:
            await anext(follower)
            with pytest.raises(CallFailed, match="internal") as failure:
                await ann.call("checklist:c", "items.tick", {"id": 1, "done": True}, timeout_s=0.5)
            assert failure.value.error_id
            assert "bug in the rules" not in failure.value.message
            await ann.call("checklist:c", "items.add", {"text": "bread"})
            event = await anext(follower)
            assert isinstance(event, Event)
            assert event.data == {"text": "bread"}


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nonsense", "module:ATTRIBUTE"),
        ("no_such_module_here:KIND", "No module named"),
        ("collab.kinds:NOTHING", "NOTHING"),
        ("collab.kinds:BUILT_IN", "not a collab.kind.Kind"),
        ("collab.meeting:MEETING", "already"),
    ],
)
def test_a_name_that_leads_to_no_kind_is_one_clear_line(name: str, problem: str) -> None:
    """[V6.3] The server does not start with a kind that is not there."""
    with pytest.raises(KindUnusable, match=problem):
        load_kinds([name])
