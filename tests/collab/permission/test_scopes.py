"""Service tokens, and who reads a meeting after its end: through the real gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import pytest
import trio.testing

from protocol.messages import Auth, Call, Ended, Error, Reply, Snapshot, Subscribe
from tests.collab.standing.issued import House, a_house, token
from tests.protocol.fakes import FakeClient

MEETING = "meeting:m"


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with a_house() as running:
        yield running


async def ask(client: FakeClient, op: str, target: str = MEETING, **args: Any) -> str:
    """Return ``ok``, or the code of the refusal."""
    client.send(Call(ref=1, target=target, op=op, args=args))
    while True:
        answer = await client.receive()
        if isinstance(answer, Reply):
            return "ok"
        if isinstance(answer, Error):
            return answer.code


async def live_meeting(house: House, *people: tuple[str, str]) -> FakeClient:
    """Return the owner of a live meeting, to which *people* (user, role) are invited."""
    owner = await house.client(token("workos:own", role="member"))
    assert await ask(owner, "meeting.schedule", title="t") == "ok"
    for user, role in people:
        assert await ask(owner, "participants.invite", user_id=user, role=role) == "ok"
    assert await ask(owner, "meeting.start") == "ok"
    return owner


CHUNK: Final[Mapping[str, Any]] = {
    "provider": "p", "segment": "s", "speaker": "own", "start_ms": 0, "end_ms": 90,
    "text": "words", "is_final": True,
}  # fmt: skip


async def test_a_service_does_what_its_role_and_its_scopes_allow(house: House) -> None:
    """[P4.5] A transcriber adds chunks; that its role could read notes helps it nothing."""
    await live_meeting(house, ("bot", "transcriber"))
    scopes = ["meeting:participants.join", "meeting:transcript.add", "meeting:read:transcript"]
    bot = await house.client(token("bot", role=None, scopes=scopes))
    assert await ask(bot, "participants.join") == "ok"
    assert await ask(bot, "transcript.add", **CHUNK) == "ok"
    for op in ("meeting.get", "participants.list", "transcript.page", "participants.leave"):
        assert await ask(bot, op) == "permission_denied"
    assert await ask(bot, "chat.create", "chat:c") == "permission_denied"
    bot.send(Subscribe(ref=2, target=MEETING, topics=("transcript",)))
    assert isinstance(await bot.receive(), Snapshot)
    bot.send(Subscribe(ref=3, target="meeting:n", topics=("transcript",)))
    assert isinstance(await bot.receive(), Error)


async def test_scopes_narrow_and_never_widen(house: House) -> None:
    """[P4.5] All scopes of a kind make no role; no scopes at all allow nothing."""
    owner = await live_meeting(house)
    bot = await house.client(token("bot", role=None, scopes=["meeting:*"]))
    assert await ask(bot, "meeting.get") == "permission_denied"
    assert await ask(bot, "meeting.schedule", "meeting:mine", title="t") == "ok"
    nothing = await house.client(token("workos:own", role="member", scopes=[]))
    assert await ask(nothing, "meeting.get") == "permission_denied"
    assert await ask(owner, "meeting.get") == "ok"


async def test_a_token_with_fewer_scopes_ends_its_streams(
    house: House,
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - works by being asked for
) -> None:
    """[P4.5] A refreshed token counts for what is open."""
    await live_meeting(house, ("bot", "transcriber"))
    both = ["meeting:participants.join", "meeting:read:transcript"]
    bot = await house.client(token("bot", role=None, scopes=both))
    assert await ask(bot, "participants.join") == "ok"
    bot.send(Subscribe(ref=2, target=MEETING, topics=("transcript",)))
    assert isinstance(await bot.receive(), Snapshot)
    bot.send(Auth(ref=3, token=token("bot", role=None, scopes=both[:1])))
    assert any(isinstance(message, Ended) for message in await bot.receive_all())


async def test_after_the_end_participants_and_admins_read(house: House) -> None:
    """[P4.6] Who took part, and who administers the organisation; not its other members."""
    owner = await live_meeting(house, ("workos:ann", "attendee"), ("workos:gone", "attendee"))
    ann, gone = [
        await house.client(token(f"workos:{who}", role="member")) for who in ("ann", "gone")
    ]
    for person in (ann, gone):
        assert await ask(person, "participants.join") == "ok"
    assert await ask(owner, "participants.remove", user_id="workos:gone") == "ok"
    assert await ask(owner, "meeting.end") == "ok"
    admin = await house.client(token("workos:boss"))
    member = await house.client(token("workos:other", role="member"))
    elsewhere = await house.client(token("workos:them", org="org_2"))
    expected = {owner: "ok", ann: "ok", admin: "ok"}
    expected |= dict.fromkeys((gone, member, elsewhere), "permission_denied")
    for client, answer in expected.items():
        for op in ("meeting.get", "transcript.page", "messages.page"):
            assert await ask(client, op) == answer
    assert await ask(admin, "messages.post", text="late") == "permission_denied"
