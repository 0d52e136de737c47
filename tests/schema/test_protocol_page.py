"""The exchanges of ``docs/protocol.md`` are what happens."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import pytest
import trio

from collab.app import AppSettings
from collab.identity import open_authenticator
from collab.kinds import BUILT_IN
from protocol import errors
from protocol.messages import SUBPROTOCOL_JSON
from tests.conformance.against_server import ServerPlay
from tests.conformance.case import Case
from tests.integration.served import served
from tests.schema.checked_in import PAGE
from tests.schema.checking import Checker

EXCHANGE: Final = re.compile(r"```exchange\n(.*?)```", re.DOTALL)
SIDES: Final[Mapping[str, str]] = {"->": "client", "<-": "server"}


def exchanges() -> list[Case]:
    """Return the exchanges of the page as cases."""
    return [
        case_of(number, text) for number, text in enumerate(EXCHANGE.findall(PAGE.read_text()), 1)
    ]


def case_of(number: int, text: str) -> Case:
    steps: list[dict[str, Any]] = [{"connect": "one"}]
    for line in text.splitlines():
        arrow, _, message = line.partition(" ")
        steps.append({SIDES[arrow]: json.loads(message)})
    play = frozenset({"server"})
    return Case(f"exchange-{number}", "", (), play, {}, tuple(steps))


@pytest.mark.parametrize("case", exchanges(), ids=lambda case: case.name)
async def test_the_exchanges_of_the_page_are_what_happens(case: Case) -> None:
    """[P11.11] Played against a real server, each is as the page has it."""
    identity = open_authenticator(None, dev=False, clock_ms=AppSettings().clock_ms)
    async with (
        served(None, AppSettings(identity=identity)) as running,
        trio.open_nursery() as nursery,
    ):
        play = ServerPlay(
            case,
            running,
            SUBPROTOCOL_JSON,
            token_for=partial(identity.signer.sign, ttl_s=900),
            seen=Checker(BUILT_IN).exchange().saw,
            drain=lambda: None,
            nursery=nursery,
        )
        await play.run()
        nursery.cancel_scope.cancel()


def test_the_page_has_exchanges_and_every_close_code() -> None:
    """[P11.11] None is left out of the table."""
    page = PAGE.read_text()
    assert len(exchanges()) >= 4
    table = page[page.index("| close |") : page.index("# Reference")]
    codes = {value for name, value in vars(errors).items() if name.startswith("CLOSE_")}
    assert {int(code) for code in re.findall(r"\b[14]\d{3}\b", table)} == codes
