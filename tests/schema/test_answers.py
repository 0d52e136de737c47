"""Everything that can be asked is answered as the contract says, and so is everything shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from collab.app import App, AppSettings
from collab.config import Config
from collab.configured import configured_kinds
from collab.identity import open_authenticator
from collab.keyring import MasterKeys
from collab.kind import Tagged
from collab.kinds import BUILT_IN
from collab.schema.answers import ANSWERS, SNAPSHOTS
from protocol.structure import unstructure
from tests.conformance.case import in_json
from tests.integration.served import served
from tests.schema.checking import Checker
from tests.schema.tour import ADMINS, Tour, go_everywhere, touring

STILL: Final = frozenset({("quota", "quota")})  # Nothing happens there in a tour.


@asynccontextmanager
async def toured(directory: Path) -> AsyncIterator[tuple[Tour, App]]:
    """Go everywhere, on a server with everything configured."""
    identity = open_authenticator(None, dev=False, clock_ms=AppSettings().clock_ms)
    kinds = configured_kinds(Config(admins=ADMINS), MasterKeys.open(directory))
    settings = AppSettings(identity=identity, kinds=kinds)
    async with (
        served(None, settings) as running,
        touring(running, identity.signer.sign) as tour,
    ):
        await go_everywhere(tour)
        yield tour, running.app


async def test_everything_is_answered_and_shown_as_the_contract_says(tmp_path: Path) -> None:
    """[P11.2] Each operation's answer, each snapshot and each event are as declared."""
    checker = Checker(BUILT_IN)
    kinds: dict[str, Any] = checker.document["x-kinds"]
    async with toured(tmp_path) as (tour, app):
        for call in tour.asked:
            operation = checker.operation(call.kind, call.op)
            assert operation is not None
            checker.check(f"answer to {call.op}", operation["answer"], call.value)
        for kind, topic, value in tour.snapshots:
            checker.check(f"{kind} {topic}", kinds[kind]["topics"][topic]["snapshot"], value)
        moved: set[tuple[str, str]] = set()  # Topics in which something happened.
        happened = [
            (target.partition(":")[0], each.event)
            for target in sorted(tour.targets)
            for each in await app.reader.events(target, after=0, limit=1_000)
        ]
    for kind, event in happened:
        for name, topic in kinds[kind]["topics"].items():
            if event.TAG in topic["events"]:
                schema = topic["events"][event.TAG]
                checker.check(f"{kind} {event.TAG}", schema, in_json(unstructure(event)))
                moved.add((kind, name))
    assert {(call.kind, call.op) for call in tour.asked} == operations_of(kinds)
    assert {(kind, topic) for kind, topic, _value in tour.snapshots} - moved <= STILL


def operations_of(kinds: dict[str, Any]) -> set[tuple[str, str]]:
    """Return every operation, with its kind: what a tour has to go through."""
    return {
        (name, op) for name, kind in kinds.items() for op in (*kind["commands"], *kind["queries"])
    }


def test_everything_says_what_it_is_answered_with() -> None:
    """[P11.2] No operation or topic of a built-in kind is of unknown shape."""
    operations: list[type[Tagged]] = [
        cls for kind in BUILT_IN for cls in (*kind.commands, *kind.queries)
    ]
    silent = [cls.TAG for cls in operations if cls not in ANSWERS and not hasattr(cls, "ANSWER")]
    assert not silent, "say it in collab/schema/answers"
    topics = [(kind.name, topic) for kind in BUILT_IN for topic in kind.topics]
    assert not [each for each in topics if each not in SNAPSHOTS], "say it there, too"
