"""Bounds that an operator may set, as a client meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from protocol.client import TransportClosed, websocket_connector
from tests.server.running import serving


async def test_the_operators_bounds_hold(tmp_path: Path) -> None:
    """[O2.6] Message rate and frame size are what the settings say."""
    rate = ("--message-rate-per-s", "1", "--message-burst", "5")
    async with serving(tmp_path, "--dev", *rate, "--frame-bytes-max", "16384") as server:
        url = server.url.replace("http", "ws", 1) + "/v1"
        async with websocket_connector()(url, "collab.v1.json") as wire:
            await wire.send('{"t": "hello", "token": "dev:ann"}')
            for n in range(6):
                await wire.send(f'{{"t": "ping", "n": {n}}}')
            answers = [json.loads(await wire.receive()) for _ in range(7)]
            assert [answer["t"] for answer in answers] == ["welcome", *["pong"] * 4, *["error"] * 2]
            assert answers[-1]["code"] == "rate_limited"
            assert answers[-1]["retry_after_ms"] > 0
            await wire.send("x" * 16_385)
            with pytest.raises(TransportClosed) as closed:
                await wire.receive()
            assert closed.value.code == 1009
