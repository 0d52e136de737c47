"""Refs, mailboxes, deadlines and what cancellation means."""

# ruff: noqa: ARG001 - the fixture autojump_clock works by being asked for.
from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors import (
    AskTimeout,
    MailboxFull,
    MemoryJournal,
    SystemClosed,
    UnknownKind,
    open_system,
)
from actors.testing import FaultJournal, Probe, ProbeLog, do, probe_kind


async def test_a_ref_starts_nothing_and_the_first_message_activates() -> None:
    """[K1.1] A ref never fails for a known kind and costs nothing; a message activates."""
    async with open_system([probe_kind()], MemoryJournal()) as system:
        ref = system.ref("probe", "a")
        assert ref.actor_id == "probe:a"
        assert not system.is_active("probe", "a")
        assert await ref.ask(do("x"), timeout_s=1) == ["x"]
        assert system.is_active("probe", "a")
        assert system.active_count == 1
        with pytest.raises(UnknownKind):
            system.ref("other", "a")


async def test_commands_are_handled_in_order_of_arrival() -> None:
    """[K1.2] One sender's commands, however sent, are decided in the order of sending."""
    async with open_system([probe_kind()], MemoryJournal()) as system:
        ref = system.ref("probe", "a")
        last = Probe()
        ref.tell_nowait(do("1"))
        await ref.tell(do("2"))
        ref.tell_nowait(do("3"))
        ref.ask_nowait(do("4"), last)
        assert await last.wait() == ["1", "2", "3", "4"]


async def test_a_full_mailbox_refuses_who_does_not_wait() -> None:
    """[K1.3] At mailbox_len_max nowait sends raise MailboxFull; the message was not sent."""
    journal = FaultJournal(MemoryJournal())
    async with open_system([probe_kind(mailbox_len_max=2)], journal) as system:
        ref = system.ref("probe", "a")
        journal.hold()
        ref.tell_nowait(do("1"))
        await wait_all_tasks_blocked()  # The actor took "1" and waits for the journal.
        ref.tell_nowait(do("2"))
        ref.tell_nowait(do("3"))
        with pytest.raises(MailboxFull) as caught:
            ref.tell_nowait(do("4"))
        assert caught.value.actor_id == "probe:a"
        with pytest.raises(MailboxFull):
            ref.ask_nowait(do("4"), Probe())
        journal.release()
        assert await ref.ask(do("5"), timeout_s=1) == ["1", "2", "3", "5"]


async def test_who_waits_for_room_is_admitted_in_order_and_not_overtaken() -> None:
    """[K1.4] tell and ask wait for room in order of arrival, before anyone who does not wait."""
    journal = FaultJournal(MemoryJournal())
    async with open_system([probe_kind(mailbox_len_max=1)], journal) as system:
        ref = system.ref("probe", "a")
        journal.hold()
        ref.tell_nowait(do("1"))
        await wait_all_tasks_blocked()
        ref.tell_nowait(do("2"))
        async with trio.open_nursery() as nursery:
            for name in ("3", "4", "5"):
                nursery.start_soon(ref.tell, do(name))
                await wait_all_tasks_blocked()
            with pytest.raises(MailboxFull):
                ref.tell_nowait(do("no"))
            journal.release()
        assert await ref.ask(do("6"), timeout_s=1) == ["1", "2", "3", "4", "5", "6"]


@pytest.mark.parametrize("is_ask", [False, True])
async def test_cancelled_while_the_mailbox_is_full_is_not_sent(is_ask: bool) -> None:
    """[K1.5] Cancelling a tell or an ask that waits for room: nothing was sent."""
    journal = FaultJournal(MemoryJournal())
    async with open_system([probe_kind(mailbox_len_max=1)], journal) as system:
        ref = system.ref("probe", "a")
        journal.hold()
        ref.tell_nowait(do("1"))
        await wait_all_tasks_blocked()
        ref.tell_nowait(do("2"))
        async with trio.open_nursery() as nursery:
            if is_ask:
                nursery.start_soon(lambda: ref.ask(do("no"), timeout_s=1))
            else:
                nursery.start_soon(ref.tell, do("no"))
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        journal.release()
        assert await ref.ask(do("3"), timeout_s=1) == ["1", "2", "3"]


async def test_a_send_in_a_cancelled_scope_sends_nothing() -> None:
    """[K1.5] tell and ask are checkpoints on entry: cancelled before, not sent."""
    log = ProbeLog()
    async with open_system([probe_kind(log)], MemoryJournal()) as system:
        ref = system.ref("probe", "a")
        with trio.CancelScope() as scope:
            scope.cancel()
            await ref.tell(do("no"))
        with trio.CancelScope() as scope:
            scope.cancel()
            await ref.ask(do("no"), timeout_s=1)
        assert not system.is_active("probe", "a")


async def test_an_asks_deadline_includes_waiting_for_room(autojump_clock: MockClock) -> None:
    """[K1.6] timeout_s counts from the call; timed out for lack of room, it was not sent."""
    journal = FaultJournal(MemoryJournal())
    async with open_system([probe_kind(mailbox_len_max=1)], journal) as system:
        ref = system.ref("probe", "a")
        journal.hold()
        ref.tell_nowait(do("1"))
        await wait_all_tasks_blocked()
        ref.tell_nowait(do("2"))
        started = trio.current_time()
        with pytest.raises(AskTimeout) as caught:
            await ref.ask(do("no"), timeout_s=3)
        assert trio.current_time() - started == 3
        assert (caught.value.actor_id, caught.value.timeout_s) == ("probe:a", 3)
        journal.release()
        assert await ref.ask(do("3"), timeout_s=1) == ["1", "2", "3"]


async def test_an_ask_that_timed_out_before_it_was_decided_is_skipped(
    autojump_clock: MockClock,
) -> None:
    """[K1.8] A command whose asker is gone is skipped if it was not decided yet."""
    journal = FaultJournal(MemoryJournal())
    async with open_system([probe_kind()], journal) as system:
        ref = system.ref("probe", "a")
        journal.hold()
        decided, skipped = Probe(), Probe()
        ref.ask_nowait(do("1"), decided)
        await wait_all_tasks_blocked()
        ref.ask_nowait(do("no"), skipped)
        with pytest.raises(AskTimeout):
            await ref.ask(do("no"), timeout_s=1)
        decided.abandoned = skipped.abandoned = True
        journal.release()
        assert await ref.ask(do("2"), timeout_s=1) == ["1", "2"]
        assert decided.outcome == ["1"]
        assert not skipped.is_there


async def test_an_ask_cancelled_after_it_was_decided_still_happens() -> None:
    """[K1.8] Cancelling an ask whose events are being stored drops the reply only."""
    journal = FaultJournal(MemoryJournal())
    async with open_system([probe_kind()], journal) as system:
        ref = system.ref("probe", "a")
        journal.hold()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: ref.ask(do("1"), timeout_s=1))
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        journal.release()
        assert await ref.ask(do("2"), timeout_s=1) == ["1", "2"]


async def test_after_the_block_nothing_is_taken() -> None:
    """[K1.28] A ref that outlives its system raises SystemClosed."""
    async with open_system([probe_kind()], MemoryJournal()) as system:
        ref = system.ref("probe", "a")
        await ref.ask(do("1"), timeout_s=1)
    with pytest.raises(SystemClosed):
        ref.tell_nowait(do("2"))
    with pytest.raises(SystemClosed):
        await ref.ask(do("2"), timeout_s=1)
