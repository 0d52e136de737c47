"""What repeats itself is counted, bounded, and never lost."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import trio
import trio.testing

from collab.audit import AuditEntry, Recorder
from collab.kind import Caller
from collab.limits import AUDIT_OPEN_MAX, AUDIT_REFUSALS_MAX, AUDIT_WINDOW_S

NOW_MS = 1_800_000_000_000


class Store:
    """Holds what it was given."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []

    def audit_soon(self, entries: Sequence[AuditEntry]) -> None:
        self.entries += entries


def a_recorder() -> tuple[Store, Recorder]:
    store = Store()
    return store, Recorder(store, lambda: NOW_MS + round(trio.current_time() * 1000))


async def test_the_first_is_written_at_once_and_repetitions_with_their_count(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - works by being asked for
    nursery: trio.Nursery,
) -> None:
    """[A2.1] One entry now, one when the window ends: how many, the first and the last of them."""
    store, recorder = a_recorder()
    nursery.start_soon(recorder.run)
    start_ms = NOW_MS + round(trio.current_time() * 1000)
    for _ in range(5):
        recorder.refused(Caller("eve", address="10.0.0.1"), "chat.get", "chat:c")
        assert [one.count for one in store.entries] == [1]
        await trio.sleep(1)
    await trio.sleep(AUDIT_WINDOW_S)
    first, rest = store.entries
    assert (first.user_id, first.address, first.outcome) == ("eve", "10.0.0.1", "refused")
    assert (rest.count, rest.at_ms, rest.until_ms) == (4, start_ms + 1000, start_ms + 4000)
    await trio.sleep(3 * AUDIT_WINDOW_S)
    recorder.refused(Caller("eve", address="10.0.0.1"), "chat.get", "chat:c")
    assert [one.count for one in store.entries] == [1, 4, 1]
    nursery.cancel_scope.cancel()


async def test_what_differs_is_written_by_itself(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - works by being asked for
) -> None:
    """[A2.1] Another user, address, action, target or set of topics is another entry."""
    store, recorder = a_recorder()
    recorder.refused(Caller("eve"), "chat.get", "chat:c")
    recorder.refused(Caller("eve", address="10.0.0.1"), "chat.get", "chat:c")
    recorder.refused(Caller("ben"), "chat.get", "chat:c")
    recorder.refused(Caller("eve"), "messages.get", "chat:c")
    recorder.refused(Caller("eve"), "chat.get", "chat:d")
    recorder.opened(Caller("ann"), "chat:c", frozenset({"state"}))
    recorder.opened(Caller("ann"), "chat:c", frozenset({"messages", "state"}))
    recorder.signed_in(Caller("ann"))
    recorder.not_signed_in("10.0.0.1")
    recorder.not_signed_in("10.0.0.2")
    assert [one.count for one in store.entries] == [1] * 10
    assert store.entries[6].detail == '{"topics":["messages","state"]}'
    assert [one.action for one in store.entries[-3:]] == ["sign_in"] * 3


async def test_nobody_fills_the_log_and_not_one_goes_uncounted(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - works by being asked for
) -> None:
    """[A2.2] However many made-up targets and other users there are: exact counts, few entries."""
    rng = random.Random(3)
    store, recorder = a_recorder()
    asked: Counter[str] = Counter()
    for number in range(30_000):
        action = rng.choice(["chat.get", "messages.page"])
        user = "eve" if number % 2 else f"u{rng.randrange(AUDIT_OPEN_MAX * 2)}"
        recorder.refused(Caller(user), action, f"chat:{number}" if number % 2 else "chat:c")
        asked[action] += 1
    recorder.close()
    told: Counter[str] = Counter()
    for entry in store.entries:
        told[entry.action] += entry.count
    assert told == asked
    eves = {(one.action, one.target) for one in store.entries if one.user_id == "eve"}
    assert len(eves) <= AUDIT_REFUSALS_MAX + 2


async def test_what_is_granted_is_always_written_with_its_target(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - works by being asked for
) -> None:
    """[A2.7] Also when everybody comes back at once, and follows everything."""
    store, recorder = a_recorder()
    for user in range(200):
        for target in range(200):
            recorder.opened(Caller(f"u{user}"), f"chat:{target}", frozenset({"state"}))
    recorder.close()
    opened = {(one.user_id, one.target) for one in store.entries}
    assert len(opened) == 200 * 200
    assert sum(one.count for one in store.entries) == 200 * 200


async def test_closing_writes_what_is_still_counted() -> None:
    """[A2.3] A stop in the middle of a window loses nothing."""
    store, recorder = a_recorder()
    for _ in range(3):
        recorder.not_signed_in("10.0.0.1")
    recorder.close()
    assert sum(one.count for one in store.entries) == 3
    recorder.close()
    assert sum(one.count for one in store.entries) == 3
