"""One HTTP request over a connection of its own, for what is asked once."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import trio

TIMEOUT_S: Final = 30.0


async def fetch(url: str, path: str, *, token: str) -> bytes:
    """Return the body of *path* on the server at *url*; b"" if it did not answer with 200.

    Raises:
      OSError: it cannot be reached.
      trio.TooSlowError: no answer within ``TIMEOUT_S``.

    Cancelled: nothing happened.
    """
    parts = urlsplit(url)
    head = (
        f"GET {path} HTTP/1.1\r\nhost: {parts.netloc}\r\n"
        f"authorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    )
    with trio.fail_after(TIMEOUT_S):
        async with await trio.open_tcp_stream(parts.hostname or "", parts.port or 80) as stream:
            await stream.send_all(head.encode())
            answer = b"".join([part async for part in stream])
    top, _, body = answer.partition(b"\r\n\r\n")
    return body if top.split(b" ", 2)[1:2] == [b"200"] else b""
