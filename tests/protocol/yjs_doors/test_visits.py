"""One client at one document, through the y-websocket door."""

from __future__ import annotations

import pytest
import trio.testing

from protocol.errors import WireError
from protocol.limits import OUTBOX_SOFT_BYTES
from protocol.yjs import (
    AwarenessUpdate,
    PermissionDenied,
    Presence,
    QueryAwareness,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
    encode_state_vector,
)
from protocol.yjs.door_visit import NO_STATE, NO_UPDATE
from protocol.yjs.limits import RESYNC_EDITS_MAX
from tests.protocol.yjs_doors.room import (
    Doors,
    YjsClient,
    open_doors,
    shown_in,
    step2_in,
    updates_in,
)

MISSING = WireError("notes_missing_history", "send all you have")


async def test_a_fresh_client_gets_the_snapshot_and_is_asked_for_its_own() -> None:
    """[D2.1] Step 1 is answered with step 2 and then our step 1; the snapshot is not read twice."""
    async with open_doors() as doors:
        doors.gateway.write(b"u1")
        client = doors.yjs()
        said = await client.sync()
        sync = [message for message in said if not isinstance(message, AwarenessUpdate)]
        assert sync == [SyncStep2(b"whole:u1"), SyncStep1(NO_STATE)]
        assert doors.gateway.syncs == []


async def test_a_client_that_has_something_gets_the_difference() -> None:
    """[D2.1] With a state vector the owner of the document makes the answer; also later."""
    async with open_doors() as doors:
        client = await doors.synced()
        for number in (1, 2):
            client.send(SyncStep1(b"\x01\x05\x07"))
            assert step2_in(await client.heard()) == [b"whole:"]
            assert doors.gateway.syncs == [b"\x01\x05\x07"] * number


async def test_an_edit_reaches_the_others_and_not_its_sender() -> None:
    """[D2.2] Others get the raw update, the same bytes for all; the sender has it already."""
    async with open_doors() as doors:
        ann, bob, eve = [await doors.synced(user) for user in ("ann", "bob", "eve")]
        for client in (ann, bob, eve):
            await client.heard()
        ann.send(SyncUpdate(b"u1"))
        assert updates_in(await ann.heard()) == []
        assert updates_in(await bob.heard()) == updates_in(await eve.heard()) == [b"u1"]
        assert bob.socket.writes[-1] is eve.socket.writes[-1]


async def test_what_another_wrote_at_the_same_seq_is_not_withheld() -> None:
    """[D2.2] Only the very bytes that a client sent are kept from it."""
    async with open_doors() as doors:
        ann = await doors.synced("ann")
        doors.gateway.holds = True
        ann.send(SyncUpdate(b"mine"))
        await trio.testing.wait_all_tasks_blocked()
        call = doors.gateway.held.pop()
        doors.gateway.updates.append(b"theirs")
        call.reply({}, seq=1)  # It changed nothing: the seq is that of another's event.
        doors.gateway.publish(0, [b"theirs"])
        assert updates_in(await ann.heard()) == [b"theirs"]


async def test_ones_own_update_is_withheld_from_among_others() -> None:
    """[D2.2] Also when several were committed together."""
    async with open_doors() as doors:
        ann, bob = await doors.synced("ann"), await doors.synced("bob")
        for client in (ann, bob):
            await client.heard()
        doors.gateway.holds = True
        ann.send(SyncUpdate(b"mine"))
        await trio.testing.wait_all_tasks_blocked()
        call = doors.gateway.held.pop()
        doors.gateway.updates += [b"theirs", b"mine", b"later"]
        call.reply({}, seq=2)
        doors.gateway.publish(0, [b"theirs", b"mine", b"later"])
        assert updates_in(await ann.heard()) == [b"theirs", b"later"]
        assert updates_in(await bob.heard()) == [b"theirs", b"mine", b"later"]


async def test_an_edit_that_comes_too_soon_is_sent_again(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - works by being asked for
) -> None:
    """[D2.7] Its client hears nothing of it, but for the edit's acceptance; not for ever."""
    async with open_doors() as doors:
        ann, bob = await doors.synced("ann"), await doors.synced("bob")
        for client in (ann, bob):
            await client.heard()
        doors.gateway.refusal = WireError("rate_limited", "in a moment", retry_after_ms=500)
        ann.send(SyncUpdate(b"u1"))
        assert updates_in(await bob.heard()) == []
        doors.gateway.refusal = None
        await trio.sleep(1)
        assert updates_in(await bob.heard()) == [b"u1"]
        assert ann.socket.closed_with is None
        doors.gateway.refusal = WireError("rate_limited", "in a moment", retry_after_ms=500)
        ann.send(SyncUpdate(b"u2"))
        await trio.sleep(60)
        assert ann.socket.closed_with is not None
        assert ann.socket.closed_with[0] == 1013


async def test_an_empty_answer_is_no_edit() -> None:
    """[D2.1] A client that has nothing for us causes no call."""
    async with open_doors() as doors:
        client = await doors.synced()
        doors.gateway.refusal = WireError("internal", "not to be asked")
        client.send(SyncStep2(NO_UPDATE), SyncUpdate(NO_UPDATE))
        assert await client.heard() == []
        assert client.socket.closed_with is None


async def asked_for_all(doors: Doors) -> YjsClient:
    """Return a client whose edit lacked history; the question from its first sync is answered."""
    client = await doors.synced()
    client.send(SyncStep2(NO_UPDATE))
    await client.heard()
    doors.gateway.refusal = MISSING
    client.send(SyncUpdate(b"u2"), SyncUpdate(b"u3"))
    assert await client.heard() == [SyncStep1(NO_STATE)]
    return client


async def test_a_client_that_lacks_history_is_asked_once_for_all_it_has() -> None:
    """[D2.3] Edits refused for missing history are made up by one answer with everything."""
    async with open_doors() as doors:
        client = await asked_for_all(doors)
        doors.gateway.refusal = None
        client.send(SyncStep2(b"u1u2u3"))
        assert await client.heard() == []
        assert doors.gateway.updates == [b"u1u2u3"]
        doors.gateway.refusal = MISSING
        client.send(SyncUpdate(b"u5"))
        assert await client.heard() == [SyncStep1(NO_STATE)]


async def test_an_answer_that_lacks_history_too_is_the_end() -> None:
    """[D2.3] Who has sent everything has nothing more to send."""
    async with open_doors() as doors:
        client = await asked_for_all(doors)
        client.send(SyncStep2(b"still not all"))
        await client.heard()
        assert client.socket.closed_with == (4409, str(MISSING))


async def test_an_answer_to_an_earlier_question_makes_nothing_up() -> None:
    """[D2.3] Answers come in the order of the questions."""
    async with open_doors() as doors:
        client = await doors.synced()
        doors.gateway.refusal = MISSING
        client.send(SyncUpdate(b"u2"), SyncStep2(b"early"))
        assert SyncStep1(NO_STATE) in await client.heard()
        client.send(SyncUpdate(b"u3"))
        assert await client.heard() == []
        assert client.socket.closed_with is None
        client.send(SyncStep2(b"late"))
        await client.heard()
        assert client.socket.closed_with == (4409, str(MISSING))


async def test_a_client_that_never_answers_is_not_waited_for_for_ever() -> None:
    """[D2.3] Refused edits in a row are bounded."""
    async with open_doors() as doors:
        client = await doors.synced()
        doors.gateway.refusal = MISSING
        client.send(*[SyncUpdate(b"x")] * (RESYNC_EDITS_MAX + 1))
        await client.heard()
        assert client.socket.closed_with == (4409, str(MISSING))


@pytest.mark.parametrize(
    ("code", "retryable", "close_code"),
    [
        ("notes_branched", False, 4409),
        ("notes_foreign_client", False, 4403),
        ("notes_malformed", False, 4400),
        ("notes_too_large", False, 4413),
        ("unauthenticated", False, 4401),
        ("not_found", False, 4404),
        ("some_new_refusal", False, 4400),
        ("overloaded", True, 1013),
        ("deadline_exceeded", True, 1013),
    ],
)
async def test_a_refusal_closes_with_the_code_that_says_whether_to_come_back(
    code: str, retryable: bool, close_code: int
) -> None:
    """[D4.4] 44xx for good; 1013 where sending again may help: the client comes back and does."""
    async with open_doors() as doors:
        client = await doors.synced()
        doors.gateway.refusal = WireError(code, "so it is", retryable=retryable)
        client.send(SyncUpdate(b"u1"))
        await client.heard()
        assert client.socket.closed_with == (close_code, f"{code}: so it is")
        assert doors.gateway.subscriptions == []


async def test_a_reader_is_told_and_not_asked() -> None:
    """[D4.1] It gets the document and the edits of others; its own are refused."""
    async with open_doors() as doors:
        doors.gateway.readers.add("ann")
        client = doors.yjs()
        said = await client.sync()
        assert not [message for message in said if isinstance(message, SyncStep1)]
        client.send(SyncUpdate(b"u1"))
        [told] = await client.heard()
        assert isinstance(told, PermissionDenied)
        doors.gateway.write(b"theirs")
        assert updates_in(await client.heard()) == [b"theirs"]
        assert client.socket.closed_with is None


async def test_a_reader_that_has_more_than_we_is_told() -> None:
    """[D4.2] State vectors tell whether a reader brought edits that cannot be taken."""
    async with open_doors() as doors:
        doors.gateway.readers.add("ann")
        doors.gateway.clocks = {1: 5}
        client = doors.yjs()
        client.send(SyncStep1(encode_state_vector({1: 5})))
        assert PermissionDenied("read-only") not in await client.heard()
        client.send(SyncStep1(encode_state_vector({1: 5, 2: 1})))
        assert PermissionDenied("read-only") in await client.heard()


async def test_who_is_shut_out_is_closed_with_4403() -> None:
    """[D4.3] It is asked once more whether the client may read; then it is over."""
    async with open_doors() as doors:
        client = await doors.synced()
        doors.gateway.shut_out("ann")
        await client.heard()
        assert client.socket.closed_with == (4403, "permission_denied: not for you")


async def test_a_new_role_that_still_reads_goes_on_with_all_it_missed() -> None:
    """[D4.3] A subscription that ends although its user may read is taken up again."""
    async with open_doors() as doors:
        client = await doors.synced()
        await client.heard()
        [subscription] = doors.gateway.subscriptions
        doors.gateway.subscriptions.clear()
        doors.gateway.readers.add("ann")
        doors.gateway.updates.append(b"meanwhile")
        subscription.end(WireError("permission_denied", "your role has changed"))
        assert step2_in(await client.heard()) == [b"whole:meanwhile"]
        doors.gateway.write(b"next")
        assert updates_in(await client.heard()) == [b"next"]


async def test_a_name_that_cannot_be_a_target_is_4404() -> None:
    """[D1.5] Too long, or unknown: there is no such document."""
    async with open_doors() as doors:
        for name in ("x" * 500, "m2"):
            client = doors.yjs(name=name)
            await client.heard()
            assert client.socket.closed_with is not None
            assert client.socket.closed_with[0] == 4404


@pytest.mark.parametrize("token", ["nobody:1", "x" * 9000])
async def test_a_bad_token_is_4401(token: str) -> None:
    """[D1.4] Who cannot be identified need not come back."""
    async with open_doors() as doors:
        client = doors.yjs(token=token)
        await client.heard()
        assert client.socket.closed_with is not None
        assert client.socket.closed_with[0] == 4401


async def test_a_slow_reader_lags_and_gets_every_update_in_order() -> None:
    """[D6.1] Above the soft bound edits are re-read later, page by page, none missing."""
    async with open_doors() as doors:
        client = await doors.synced()
        await client.heard()
        client.socket.window = 0
        updates = [bytes([n]) * (OUTBOX_SOFT_BYTES // 4) for n in range(1, 13)]
        for update in updates:
            doors.gateway.write(update)
        assert client.socket.backlog_bytes < 2 * OUTBOX_SOFT_BYTES
        client.socket.open_window(None)
        assert updates_in(await client.heard()) == updates
        assert doors.gateway.catch_ups == 1
        doors.gateway.write(b"live again")
        assert updates_in(await client.heard()) == [b"live again"]


async def test_a_client_may_ask_who_is_here() -> None:
    """[D3.1] Query awareness is answered with everybody."""
    async with open_doors() as doors:
        ann, bob = await doors.synced("ann"), await doors.synced("bob")
        ann.show(1, 1, {"cursor": 5})
        await bob.heard()
        bob.send(QueryAwareness())
        shown = shown_in(await bob.heard())
        assert shown == {1: Presence(1, 1, {"cursor": 5, "userId": "ann"})}


async def test_an_answer_of_another_shape_ends_its_visit_only() -> None:
    """[D4.4] A fault of the document's owner: this client comes back later, others go on."""
    async with open_doors() as doors:
        ann, bob = await doors.synced("ann"), await doors.synced("bob")
        doors.gateway.answers_nonsense = True
        ann.send(SyncStep1(b"\x01\x01\x01"))
        await ann.heard()
        assert ann.socket.closed_with == (1013, "internal: a fault of the server")
        eve = await doors.synced("eve")
        assert eve.socket.closed_with == (1013, "internal: the snapshot could not be written")
        doors.gateway.write(b"u1")
        assert updates_in(await bob.heard()) == [b"u1"]
