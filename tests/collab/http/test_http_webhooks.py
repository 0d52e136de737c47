"""Webhooks over HTTP: four answers, none of which says anything, and bytes as they come."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping

import pytest

from collab.app import AppSettings
from collab.limits import WEBHOOK_BODY_BYTES_MAX
from tests.collab.http.test_http_notes import Answer, ask
from tests.collab.standing.deliveries import (
    NOW_MS,
    RECEIVERS,
    SECRET,
    Post,
    clerk,
    clerk_membership,
    workos,
    workos_membership,
)
from tests.integration.served import Served, served


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    settings = AppSettings(webhooks=RECEIVERS, clock_ms=lambda: NOW_MS)
    async with served(settings=settings) as running:
        yield running


async def send(
    server: Served, post: Post, name: str = "workos", *, method: str = "POST", **more: str
) -> Answer:
    headers: Mapping[str, str] = {**post.headers, **more}
    return await ask(
        server, f"/v1/webhooks/{name}", method=method, user=None, body=post.body, headers=headers
    )


async def test_it_counts_once(server: Served) -> None:
    """[P7.1] 202, and 409 for the same one again, of both formats."""
    for name, post in (
        ("workos", workos(workos_membership())),
        ("clerk", clerk(clerk_membership())),
    ):
        assert [(await send(server, post, name)).status for _ in range(2)] == [202, 409]


async def test_every_refusal_looks_the_same(
    server: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """[P7.2] Wrong signature, stale, too large, unreadable, another issuer's, no such name."""
    caplog.set_level(logging.DEBUG)
    good = workos(workos_membership())
    refused = [
        await send(server, Post(good.headers, good.body + b" ")),
        await send(server, Post({}, good.body)),
        await send(server, workos(workos_membership(), sent_ms=NOW_MS - 400_000)),
        await send(server, workos({}, body=b"SECRET words")),
        await send(server, workos({}, body=b"x" * (WEBHOOK_BODY_BYTES_MAX + 1))),
        await send(server, good, "clerk"),
        await send(server, good, "nobody"),
        await send(server, clerk(clerk_membership())),
    ]
    seen = {(one.status, one.body, *sorted(set(one.headers) - {"date"})) for one in refused}
    assert {one.status for one in refused} == {401}
    assert len(seen) == 1
    assert not refused[0].body
    assert SECRET.decode() not in caplog.text
    assert "SECRET words" not in caplog.text
    assert (await send(server, good)).status == 202, "none of it used the delivery up"


async def test_only_posts_are_taken(server: Served) -> None:
    """[P7.3] Other methods are no webhooks."""
    good = workos(workos_membership())
    assert (await send(server, good, method="PUT")).status == 405


async def test_bytes_count_as_they_come(server: Served) -> None:
    """[P7.4] The signature is over the raw body, however its JSON is written."""
    spaced = b'{ "id":"e", "event" :"user.deleted",\n "created_at":"2027-01-15T08:00:00.000Z",'
    body = spaced + b' "data": {"id":"us\\u0065r_1", "more": 1e3} }'
    assert (await send(server, workos({}, body=body))).status == 202
