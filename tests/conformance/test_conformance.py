"""Every recorded exchange, played against the server and against the Python client."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import pytest
import trio
from trio.testing import MockClock

from collab.app import AppSettings
from collab.identity import open_authenticator
from collab.kinds import BUILT_IN
from protocol.client import open_client
from protocol.messages import SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK
from tests.conformance.against_client import ClientPlay
from tests.conformance.against_server import ServerPlay
from tests.conformance.case import Case, cases
from tests.conformance.pad import PAD
from tests.integration.served import served
from tests.schema.checking import Checker

KINDS: Final = (*BUILT_IN, PAD)
SPEC: Final = Path(__file__).parent.parent.parent / "docs" / "spec.md"
SUBPROTOCOLS: Final = pytest.mark.parametrize(
    "subprotocol", [SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK]
)


@pytest.fixture(scope="module")
def checker() -> Checker:
    return Checker(KINDS)


@SUBPROTOCOLS
@pytest.mark.parametrize("case", cases("server"), ids=lambda case: case.name)
async def test_the_server_plays_every_case(case: Case, subprotocol: str, checker: Checker) -> None:
    """[P11.6] Against each case the server does what it says, in both encodings."""
    if case.is_text_only and subprotocol != SUBPROTOCOL_JSON:
        pytest.skip("the case has a raw text frame")
    exchange = checker.exchange()
    identity = open_authenticator(None, dev=False, clock_ms=AppSettings().clock_ms)
    settings = AppSettings(identity=identity, kinds=KINDS)
    async with served(None, settings) as running, trio.open_nursery() as nursery:
        play = ServerPlay(
            case,
            running,
            subprotocol,
            token_for=partial(identity.signer.sign, ttl_s=900),
            seen=exchange.saw,
            drain=lambda: nursery.start_soon(partial(running.wire.drain, "shutdown", timeout_s=5)),
            nursery=nursery,
        )
        await play.run()
        nursery.cancel_scope.cancel()


@SUBPROTOCOLS
@pytest.mark.parametrize("case", cases("client"), ids=lambda case: case.name)
async def test_the_python_client_plays_every_case(
    case: Case,
    subprotocol: str,
    checker: Checker,
    autojump_clock: MockClock,  # noqa: ARG001 - time jumps over every delay
) -> None:
    """[P11.7] Against each case the Python client does what it says, in both encodings."""
    async with trio.open_nursery() as nursery:
        play = ClientPlay(case, subprotocol, nursery, checker.exchange().saw)
        async with open_client(
            "ws://case/v1",
            token=case.values.get("$token", "token-1"),
            encoding="json" if subprotocol == SUBPROTOCOL_JSON else "msgpack",
            connect=play.connect,
            rng=Random(1),
        ) as client:
            await play.run(client)
            nursery.cancel_scope.cancel()


def test_cases_stand_for_rules_that_exist() -> None:
    """[P11.5] A case names the rules that it shows."""
    spec = SPEC.read_text()
    for case in cases():
        assert case.rules, case.name
        for rule in case.rules:
            assert f"**{rule}**" in spec, f"{case.name}: no rule {rule}"
