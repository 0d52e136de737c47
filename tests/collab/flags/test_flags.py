"""Flags: who has them, who changes them, who hears of it."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from collab.errors import LimitExceeded, PermissionDenied
from collab.flags import FLAGS, flags_kind
from collab.flags.limits import FLAGS_MAX
from collab.flags.state import FlagsState, ListFlags, MyFlags, RemoveFlag, SetFlag, place_of
from collab.kind import Caller
from collab.operators import Operators
from protocol.client import Event, SnapshotItem
from tests.collab.messages.stage import Stage
from tests.integration.served import served

OPS = Caller(user_id="ops", scopes=frozenset({"flags:*"}))


@pytest.fixture
def production() -> Stage[FlagsState]:
    return Stage(FLAGS, "production")


async def mine(stage: Stage[FlagsState], who: str, org_id: str | None = None) -> Any:
    answer = await stage.look(Caller(user_id=who, org_id=org_id), MyFlags())
    return answer["flags"]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "a b"},
        {"percent": 101},
        {"percent": -1},
        {"reason": ""},
        {"value": "x" * 1_001},
        {"org_ids": [""]},
        {"org_ids": ["o"] * 201},
    ],
)
def test_a_change_that_makes_no_sense_cannot_be_made(fields: dict[str, Any]) -> None:
    """[E1.1] A name, a percentage, at most 200 organisations, and a reason."""
    with pytest.raises(ValueError, match=r"."):
        SetFlag(**{"name": "n", "reason": "r", **fields})


async def test_a_percentage_is_the_same_people_every_time(production: Stage[FlagsState]) -> None:
    """[E1.2] Who has a flag at some percentage keeps it at any higher one; a share is a share."""
    people = [f"user-{n}" for n in range(2_000)]
    before: set[str] = set()
    for percent in (0, 10, 50, 100):
        production.do(OPS, SetFlag(name="dark", percent=percent, reason="roll out"))
        having = {who for who in people if await mine(production, who)}
        assert before <= having
        assert abs(len(having) / len(people) - percent / 100) < 0.03
        before = having


def test_a_place_never_changes() -> None:
    """[E1.2] It follows from environment, flag and user, and flags deal people out differently."""
    assert place_of("production", "dark", "ann") == 943
    both = [
        n
        for n in range(2_000)
        if place_of("p", "a", f"u{n}") < 5_000 and place_of("p", "b", f"u{n}") < 5_000
    ]
    assert 400 < len(both) < 600


async def test_an_organisation_has_a_flag_whatever_the_percentage(
    production: Stage[FlagsState],
) -> None:
    """[E1.3] Named organisations have it, others their share; off is off for all."""
    production.do(OPS, SetFlag(name="x", value="v2", percent=0, org_ids=["acme"], reason="r"))
    assert await mine(production, "ann", "acme") == {"x": "v2"}
    assert await mine(production, "ann", "other") == {}
    assert await mine(production, "ann") == {}
    production.do(
        OPS, SetFlag(name="x", value="v2", is_on=False, percent=100, org_ids=["acme"], reason="r")
    )
    assert await mine(production, "ann", "acme") == {}


async def test_only_operators_see_and_change_rules(production: Stage[FlagsState]) -> None:
    """[E1.4] Neither an organisation's admin nor another service; people whom settings name do."""
    production.do(OPS, SetFlag(name="x", org_ids=["acme"], reason="for acme"))
    for stranger in (
        Caller(user_id="eve", org_id="acme", org_role="admin"),
        Caller(user_id="bot", scopes=frozenset({"timers:*"})),
    ):
        for command in (SetFlag(name="x", reason="r"), RemoveFlag(name="x", reason="r")):
            with pytest.raises(PermissionDenied):
                production.do(stranger, command)
        with pytest.raises(PermissionDenied):
            await production.look(stranger, ListFlags())
        with pytest.raises(PermissionDenied):
            production.snapshot(stranger, "rules")
        assert "acme" not in str(production.snapshot(stranger, "flags"))
    named = Stage(flags_kind(Operators(frozenset({"ann"}))), "production")
    named.do("ann", SetFlag(name="x", reason="r"))
    with pytest.raises(PermissionDenied):
        named.do("eve", SetFlag(name="x", reason="r"))


async def test_a_change_says_who_when_and_why(production: Stage[FlagsState]) -> None:
    """[E1.5] Every flag shows its last change; every change is an event with its reason."""
    production.do(OPS, SetFlag(name="x", reason="try it"))
    production.do(OPS, SetFlag(name="x", reason="again"))  # Nothing changes.
    production.do(OPS, SetFlag(name="x", value=1, reason="one is not true"))
    (shown,) = (await production.look(OPS, ListFlags()))["flags"]
    assert (shown["reason"], shown["by"], shown["value"]) == ("one is not true", "ops", 1)
    production.do(OPS, RemoveFlag(name="x", reason="done"))
    production.do(OPS, RemoveFlag(name="x", reason="done"))
    reasons = [event.reason for _stamp, event in production.history if hasattr(event, "reason")]
    assert reasons == ["try it", "one is not true", "done"]
    assert production.replayed() == production.restored() == production.state
    assert set(FLAGS.audited) == {"flags.set", "flags.remove", "flags.list"}


def test_flags_are_bounded(production: Stage[FlagsState]) -> None:
    """[E1.6] An environment has at most 500 flags."""
    for n in range(FLAGS_MAX):
        production.do(OPS, SetFlag(name=f"n{n}", reason="r"))
    with pytest.raises(LimitExceeded):
        production.do(OPS, SetFlag(name="more", reason="r"))


async def test_a_change_is_live() -> None:
    """[E1.7] Subscribers hear that a flag changed, not its rule; what it is for them they ask."""
    async with (
        served() as server,
        server.client("ops") as ops,
        server.client("ann") as ann,
    ):
        with trio.fail_after(5):
            async with ann.follow("flags:dev", ["flags"]) as follower:
                first = await anext(follower)
                assert isinstance(first, SnapshotItem)
                assert first.topics["flags"] == {"flags": {}}
                rule = {"name": "dark", "percent": 100, "org_ids": ["acme"], "reason": "r"}
                await ops.call("flags:dev", "flags.set", rule)
                event = await anext(follower)
                assert isinstance(event, Event)
                assert event.data == {"name": "dark"}
            answer = await ann.call("flags:dev", "flags.mine", {})
            assert answer == {"flags": {"dark": True}}
