"""What a running server's log says of faults in somebody's rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.client import open_client
from protocol.errors import CallFailed
from tests.server.running import serving

KIND = "tests.server.telltale_kind:TELLTALE"
BODY = "what-ann-wrote"


async def test_no_fault_writes_a_message_into_the_log(tmp_path: Path) -> None:
    """[O4.3] The log has the error's id, class and place; what the caller wrote is not in it."""
    log = tmp_path / "log"
    flags = ("--dev", "--kinds", KIND, "--log-level", "debug")
    ids = []
    with log.open("wb") as stderr:
        async with serving(tmp_path / "store", *flags, stderr=stderr.fileno()) as server:
            url = server.url.replace("http://", "ws://") + "/v1"
            async with open_client(url, token="dev:ann") as client:
                for op in ("tell", "ask_for", "tell_later"):
                    with pytest.raises(CallFailed) as caught:
                        await client.call(f"telltale:{op}", f"telltale.{op}", {"text": BODY})
                    assert BODY not in str(caught.value)
                    assert caught.value.error_id is not None
                    ids.append(caught.value.error_id)
    said = log.read_text()
    assert all(f"fault {error_id}" in said for error_id in ids)
    for word in ("KeyError", "ValueError", "RuntimeError", "telltale_kind.py", "_evolve"):
        assert word in said
    assert BODY not in said
