"""A grep: tokens that were used, well or badly, are in no file and in no log line."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import trio

from collab.app import AppSettings
from collab.chat.commands import CreateChat
from collab.identity import open_authenticator
from collab.logs import JsonFormatter
from tests.collab.http.test_http_notes import ask
from tests.collab.standing.deliveries import NOW_MS, RECEIVERS, SECRET, workos, workos_membership
from tests.integration.served import served


def contents_of(directory: Path) -> dict[str, bytes]:
    """Return every file, whole."""
    return {path.name: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


async def test_no_token_is_on_disk_or_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """[A2.6] After sign-ins, refusals, exports and webhooks: every file, byte by byte."""
    caplog.set_level(logging.DEBUG)
    identity = open_authenticator(None, dev=True, clock_ms=lambda: NOW_MS)
    settings = AppSettings(identity=identity, webhooks=RECEIVERS, clock_ms=lambda: NOW_MS)
    bad = "eyJhbGciOiJIUzI1NiJ9.TOKENSECRETPART.SIGNATURESECRETPART"
    async with served(tmp_path, settings) as server:
        good = identity.signer.sign("ann", org_id="acme", org_role="admin", ttl_s=60)
        await server.app.do("chat:c", CreateChat(title="t"), user_id="ann")
        for token in (good, bad):
            headers = {"authorization": f"Bearer {token}"}
            path = "/v1/notes/chat:c.md"
            await ask(server, path, user=None, headers=headers)
        post = workos(workos_membership())
        for _ in range(2):
            await ask(
                server, "/v1/webhooks/workos", method="POST", user=None, body=post.body,
                headers=post.headers,
            )  # fmt: skip
        async with server.client("ann") as client:
            await client.call("chat:c", "chat.get", {})
        await trio.lowlevel.checkpoint()
    lines = "".join(JsonFormatter().format(record) for record in caplog.records)
    signatures = [good.rpartition(".")[2], bad.rpartition(".")[2], SECRET.decode(), "dev:ann"]
    signatures.append(post.headers["workos-signature"].rpartition("v1=")[2])
    stored = contents_of(tmp_path)
    assert len(stored) >= 2
    for secret in signatures:
        assert secret not in lines
        assert not [name for name, content in stored.items() if secret.encode() in content]
