"""Notes over HTTP: sign-in, permission, formats, bounds; over a real port."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress

import pytest
import trio
from attrs import frozen
from pycrdt import Doc, Text

from collab.client import connect
from collab.limits import NOTES_MARKDOWN_BYTES_MAX, NOTES_MARKDOWN_LEN_MAX
from tests.integration.served import Served, served


@frozen
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        code: str = json.loads(self.body)["code"]
        return code


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with served() as running:
        yield running


async def ask(
    server: Served,
    path: str,
    *,
    method: str = "GET",
    user: str | None = "ann",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request over a connection of its own."""
    fields = {"host": "localhost", "connection": "close", "content-length": str(len(body))}
    if user is not None:
        fields["authorization"] = f"Bearer dev:{user}"
    fields |= headers or {}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with trio.fail_after(10):
        async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
            await stream.send_all(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode())
            with suppress(trio.BrokenResourceError):  # Refused before all of it was read.
                await stream.send_all(body)
            raw = b"".join([part async for part in stream])
    top, _, content = raw.partition(b"\r\n\r\n")
    first, *rest = top.decode().split("\r\n")
    pairs = (line.partition(": ") for line in rest)
    return Answer(int(first.split()[1]), {name.lower(): value for name, _, value in pairs}, content)


async def write(server: Served, target: str, text: str, *, root: str = "codemirror") -> None:
    doc = Doc[Text]()
    doc.get(root, type=Text).insert(0, text)
    async with connect(f"http://127.0.0.1:{server.port}", token="dev:ann") as client:
        await client.wire.call(target, "notes.edit", {"update": doc.get_update()})


async def test_a_note_is_exported_in_three_formats(server: Served) -> None:
    """[N7.6] Markdown and text to the letter, and a page that runs nothing."""
    await write(server, "meeting:m.1", "# a <b>\n\nc")
    for ending, media_type in (("md", "text/markdown"), ("txt", "text/plain")):
        answer = await ask(server, f"/v1/notes/meeting:m.1.{ending}")
        assert (answer.status, answer.body) == (200, b"# a <b>\n\nc")
        assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"
    page = await ask(server, "/v1/notes/meeting:m.1.html?root=codemirror")
    assert b"# a &lt;b&gt;\n\nc</pre>" in page.body
    assert b"<title>meeting:m.1</title>" in page.body
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"


async def test_who_may_not_read_gets_no_note(server: Served) -> None:
    """[N7.7] Sign-in and permission are those of the wire, and the answer says which it was."""
    await write(server, "chat:c1", "secret")
    path = "/v1/notes/chat:c1.md"
    nobody = await ask(server, path, user=None)
    assert (nobody.status, nobody.code) == (401, "unauthenticated")
    assert nobody.headers["www-authenticate"] == "Bearer"
    for authorization in ("Bearer nonsense", "Basic YTpi", "Bearer", f"Bearer {'x' * 9_000}"):
        answer = await ask(server, path, headers={"authorization": authorization})
        assert (answer.status, answer.code) == (401, "unauthenticated")
    async with connect(f"http://127.0.0.1:{server.port}", token="dev:ann") as client:
        await client.meeting("m1").get()
        await client.meeting("m1").end()
    stranger = await ask(server, "/v1/notes/meeting:m1.md", user="eve")
    assert (stranger.status, stranger.code) == (403, "permission_denied")
    late = await ask(server, "/v1/notes/meeting:m1.md", method="POST", body=b"x")
    assert late.status in (403, 409)


async def test_markdown_is_imported_once_per_key(server: Served) -> None:
    """[N7.6] The body becomes the note; the same key again changes nothing."""
    path, key = "/v1/notes/meeting:m1.md", {"idempotency-key": "k1"}
    first = await ask(server, path, method="POST", body=b"# Plan\n\n- **one**\n", headers=key)
    assert first.status == 200
    assert (await ask(server, path)).body == b"# Plan\n\n- **one**\n"
    await ask(server, path, method="POST", body=b"other")
    again = await ask(server, path, method="POST", body=b"# Plan\n\n- **one**\n", headers=key)
    assert (again.status, again.body) == (200, first.body)
    assert (await ask(server, path)).body == b"other\n"


NOTE = "/v1/notes/meeting:m1.md"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1/notes/meeting:m1", b"", 404, "not_found"),
        ("GET", "/v1/notes/meeting:m1.pdf", b"", 404, "not_found"),
        ("GET", "/v1/notes/nonsense.md", b"", 404, "unknown_target"),
        ("GET", "/v1/notes/user:ann.md", b"", 404, "unknown_op"),
        ("GET", f"/v1/notes/meeting:m1.md?root={'r' * 300}", b"", 400, "bad_request"),
        ("POST", "/v1/notes/meeting:m1.html", b"x", 400, "bad_request"),
        ("POST", NOTE, b"\xff", 400, "bad_request"),
        ("POST", f"{NOTE}?root=tiptap", b"> " * 200 + b"x", 400, "bad_request"),
        ("POST", NOTE, b"x" * (NOTES_MARKDOWN_LEN_MAX + 1), 400, "bad_request"),
        (
            "POST", NOTE, b"x" * (NOTES_MARKDOWN_BYTES_MAX + 1), 413,
            "limit_exceeded",
        ),
    ],
)  # fmt: skip
async def test_bad_requests_are_told_and_change_nothing(
    server: Served, method: str, path: str, body: bytes, status: int, code: str
) -> None:
    """[N7.7] One clear code each, and the note stays."""
    await write(server, "meeting:m1", "here")
    answer = await ask(server, path, method=method, body=body)
    assert (answer.status, answer.code) == (status, code)
    assert (await ask(server, "/v1/notes/meeting:m1.txt")).body == b"here"
