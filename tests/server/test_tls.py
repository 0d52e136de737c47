"""The same wire through TLS, against a server as people run it."""

from __future__ import annotations

import signal
import ssl
from pathlib import Path

import pytest
import trio
import trustme
from attrs import frozen

from protocol.client import Encoding, Event, SnapshotItem, open_client
from tests.server.running import run_collab, serving

TARGET = "meeting:m1"


@frozen
class Certificate:
    """A certificate for loopback, and who trusts it."""

    chain: Path
    key: Path
    trusting: ssl.SSLContext


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(chain)
    issued.private_key_pem.write_to_path(key)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return Certificate(chain, key, trusting)


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_the_wire_is_the_same_through_tls(
    tmp_path: Path, certificate: Certificate, encoding: Encoding
) -> None:
    """[O1.9] Calls, events, large messages and a drain, encrypted."""
    flags = ("--dev", "--tls-cert", str(certificate.chain), "--tls-key", str(certificate.key))
    async with serving(tmp_path / "data", *flags) as server:
        assert server.url.startswith("https://")
        url = server.url.replace("https://", "wss://") + "/v1"
        async with (
            open_client(
                url, token="dev:ann", encoding=encoding, ssl_context=certificate.trusting
            ) as client,
            client.follow(TARGET, ["messages"]) as follower,
        ):
            assert isinstance(await anext(follower), SnapshotItem)
            for text in ("short", "long " * 3_999):
                await client.call(TARGET, "messages.post", {"text": text})
                with trio.fail_after(10):
                    event = await anext(follower)
                assert isinstance(event, Event)
                assert event.data["parts"] == [{"type": "text", "text": text}]
            server.send(signal.SIGTERM)
            assert await server.wait() == 0


async def test_a_client_that_speaks_no_tls_hurts_nobody(
    tmp_path: Path, certificate: Certificate
) -> None:
    """[O1.10] Plain bytes, or a handshake that breaks off, end that connection only."""
    flags = ("--dev", "--tls-cert", str(certificate.chain), "--tls-key", str(certificate.key))
    async with serving(tmp_path / "data", *flags) as server:
        port = int(server.url.rsplit(":", 1)[1])
        for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b""):
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            await stream.send_all(junk or b"\x00")
            await trio.aclose_forcefully(stream)
        url = server.url.replace("https://", "wss://") + "/v1"
        async with open_client(url, token="dev:ann", ssl_context=certificate.trusting) as client:
            with trio.fail_after(10):
                assert (await client.call(TARGET, "meeting.get"))["role"] == "host"


async def test_a_key_without_its_certificate_is_one_clear_line(tmp_path: Path) -> None:
    """[O1.11] Half of the pair is a mistake in the settings."""
    ended = await run_collab("serve", "--data", tmp_path, "--tls-key", "key.pem")
    assert ended.code == 20
    assert "tls_cert and tls_key go together" in ended.err
