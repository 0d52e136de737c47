"""What the log says of peers that are refused or closed: who and why, never what they sent."""

from __future__ import annotations

import logging

import pytest
import trio
from trio.testing import MockClock

from protocol.limits import NOTICES_BURST, NOTICES_PER_S
from protocol.messages import SUBPROTOCOL_JSON, Call, Hello
from protocol.notices import Notices
from tests.integration.wires import wired
from tests.protocol.fakes import FakeClient, FakeSocket

SECRET = "what-only-we-should-know"


async def test_bad_input_leaves_a_line_under_the_sessions_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """[W6.5] Refused calls, sign-ins and closed connections are in the log, without content."""
    caplog.set_level(logging.INFO, logger="protocol.notices")
    async with wired() as server:
        ann = await server.client("ann")
        ann.send(Call(ref=7, target="chat:c1", op="messages.post", args={"text": [SECRET]}))
        ann.send(Call(ref=8, target="chat:c1", op="chat.get"))
        await ann.receive_all()
        socket = FakeSocket(SUBPROTOCOL_JSON)
        server.nursery.start_soon(server.wire.handle, socket)
        stranger = FakeClient(socket)
        stranger.send(Hello(token=SECRET))
        await stranger.receive_all()
        await trio.testing.wait_all_tasks_blocked()
    lines = [record.getMessage() for record in caplog.records]
    assert any("ref=7 code=bad_request" in line and "user=ann" in line for line in lines)
    assert any("ref=8 code=permission_denied" in line for line in lines)
    assert any("refused: session=s1" in line and "unauthenticated" in line for line in lines)
    assert any("closed: session=s1" in line and "code=4401" in line for line in lines)
    assert SECRET not in caplog.text


async def test_nobody_floods_the_log(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """[W6.6] Lines about peers are bounded in time; what was left out is counted."""
    caplog.set_level(logging.INFO, logger="protocol.notices")
    notices = Notices()
    for n in range(NOTICES_BURST + 50):
        notices.refused("s", "peer", None, n, "bad_request")
    assert len(caplog.records) == NOTICES_BURST
    await trio.sleep(2 / NOTICES_PER_S)
    notices.closed("s", "peer", None, 4400, "bad")
    assert "50 notices about peers were left out" in caplog.text
    assert autojump_clock.rate == 0.0


async def test_the_handshake_timeout_is_the_operators() -> None:
    """[W4.8] A WebSocket that says nothing is closed after the time that was set."""
    async with wired() as server:
        server.wire.handshake_timeout_s = 0.2
        socket = FakeSocket("collab.v1.json")
        server.nursery.start_soon(server.wire.handle, socket)
        with trio.fail_after(2):
            while socket.closed_with is None:  # noqa: ASYNC110 -- nothing signals it
                await trio.sleep(0.01)
        assert socket.closed_with[0] == 4408
