"""What a server says of who can reach it."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from tests.server.running import serving

HOST = "0.0.0.0"  # Every interface.


async def warnings_of(folder: Path, *flags: str) -> str:
    """Return what a server with *flags* warns of on standard error until it listens."""
    said = folder / "said"
    with said.open("wb") as stderr:
        async with serving(folder / "store", *flags, stderr=stderr.fileno()):
            lines = said.read_text().splitlines(keepends=True)
            return "".join(line for line in lines if not line.startswith("{"))  # The log.


async def test_tokens_in_clear_and_open_metrics_are_warned_of(tmp_path: Path) -> None:
    """[O1.13] On a host that others reach, no TLS and open metrics are told on standard error."""
    said = await warnings_of(tmp_path, "--host", HOST)
    clear, metrics = said.splitlines()
    assert "warning: no TLS on 0.0.0.0: tokens and messages travel in clear" in clear
    assert "/metrics on 0.0.0.0 is open" in metrics


async def test_with_tls_only_the_metrics_are_warned_of(tmp_path: Path) -> None:
    """[O1.13] Encrypted, the tokens are safe; the metrics are as open as before."""
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "chain.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    tls = ("--tls-cert", str(tmp_path / "chain.pem"), "--tls-key", str(tmp_path / "key.pem"))
    (line,) = (await warnings_of(tmp_path, "--host", HOST, *tls)).splitlines()
    assert "/metrics" in line


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_on_loopback_nothing_is_warned_of(tmp_path: Path, host: str) -> None:
    """[O1.13] Nobody else reaches it."""
    assert await warnings_of(tmp_path, "--host", host) == ""
