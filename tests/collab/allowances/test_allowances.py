"""Allowances: buckets, windows, who they count for, and how an operator writes them."""

from __future__ import annotations

import random

import pytest
import trio
import trio.testing

from collab.allowances import (
    DEFAULTS,
    Allowance,
    Allowances,
    Buckets,
    Windows,
    network_of,
    parse_allowances,
)
from collab.errors import RateLimited
from collab.kinds import BUILT_IN
from protocol.messages import Call, Error, Reply
from tests.integration.wires import wired


def test_a_bucket_gives_its_count_at_once_and_then_evenly() -> None:
    """[Q1.1] Six a minute: six, then one every ten seconds, and never more than six saved up."""
    bucket = Buckets(Allowance(count=6, period_s=60))
    assert [bucket.spend("ann", 0.0) for _ in range(6)] == [0] * 6
    assert bucket.spend("ann", 0.0) == 10_000
    assert bucket.spend("ann", 4.0) == 6_000, "what was refused was not counted"
    assert bucket.spend("ann", 10.0) == 0
    assert bucket.spend("ann", 10.0) == 10_000
    assert [bucket.spend("ann", 10_000.0) for _ in range(7)] == [0] * 6 + [10_000]


def test_a_window_starts_afresh_at_whole_periods() -> None:
    """[Q1.2] Two an hour: the third waits for the next whole hour."""
    window = Windows(Allowance(count=2, period_s=3600, shape="window"))
    assert [window.spend("ann", 3000.0) for _ in range(2)] == [0, 0]
    assert window.spend("ann", 3000.0) == 600_000
    assert window.spend("ann", 3600.0) == 0


@pytest.mark.parametrize("shape", ["bucket", "window"])
def test_waiting_as_told_is_enough_and_nobody_gets_more_than_the_count(shape: str) -> None:
    """[Q1.1] Whatever the times of asking: retry_after_ms is right, and no period is exceeded."""
    rng = random.Random(7)
    allowance = Allowance(count=5, period_s=20, shape=shape)  # type: ignore[arg-type]
    spending = Buckets(allowance) if shape == "bucket" else Windows(allowance)
    now_s, granted = 0.0, []
    for _ in range(3_000):
        now_s += rng.choice([0.0, 0.01, 0.5, 7.3])
        wait_ms = spending.spend("ann", now_s)
        if wait_ms and rng.random() < 0.5:
            now_s += wait_ms / 1000
            assert spending.spend("ann", now_s) == 0
            wait_ms = 0
        if not wait_ms:
            granted.append(now_s)
    most = max(sum(start <= at < start + 20 for at in granted) for start in granted)
    assert most <= 2 * allowance.count


@pytest.mark.parametrize("table", [Buckets, Windows])
def test_who_has_not_asked_for_longest_is_forgotten(table: type[Buckets] | type[Windows]) -> None:
    """[Q1.3] The table is bounded; those who go on asking stay in it."""
    spending = table(Allowance(count=1, period_s=60), holders_max=100)
    assert spending.spend("ann", 0.0) == 0
    for number in range(10_000):
        spending.spend(f"other-{number}", 0.0)
        if number % 50 == 0:
            assert spending.spend("ann", 0.0) > 0
    assert len(spending) <= 100


def test_users_and_addresses_are_counted_apart() -> None:
    """[Q1.4] Per user or per address, as the allowance says; a site of IPv6 is one address."""
    per_user = Allowance(count=1, period_s=60)
    per_address = Allowance(count=1, period_s=60, per="address")
    allowances = Allowances(lambda: 0.0, {"u": per_user, "a": per_address})
    allowances.spend("u", user_id="ann", address="10.0.0.1:1")
    allowances.spend("u", user_id="ben", address="10.0.0.1:1")
    with pytest.raises(RateLimited):
        allowances.spend("u", user_id="ann", address="10.0.0.2:1")
    allowances.spend("a", user_id="ann", address="[2001:db8::1]:1")
    with pytest.raises(RateLimited) as refusal:
        allowances.spend("a", user_id="ben", address="[2001:db8::2]:999")
    assert refusal.value.retry_after_ms == 60_000
    assert allowances.refused == 2
    allowances.spend("anything else", user_id="ann", address="10.0.0.1:1")


@pytest.mark.parametrize(
    ("address", "holder"),
    [
        ("10.0.0.1:443", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.1"),
        ("[::ffff:10.0.0.1]:443", "10.0.0.1"),
        ("", ""),
        ("memory", "memory"),
        ("no address:at all", "no address:at all"),
    ],
)
def test_what_an_address_counts_for(address: str, holder: str) -> None:
    """[Q1.4] A port, or another way of writing it, makes no other address."""
    assert network_of(address) == holder


def test_an_operators_lines_stand_over_the_defaults() -> None:
    """[Q1.5] One place, one form; off takes a default away."""
    lines = ["participants.invite=5/60", "notes.at=9/3600:window@address", "members.add=off"]
    read = parse_allowances(lines)
    assert read["participants.invite"] == Allowance(count=5, period_s=60)
    assert read["notes.at"] == Allowance(count=9, period_s=3600, shape="window", per="address")
    assert "members.add" not in read
    assert read["notes.export"] == DEFAULTS["notes.export"]


@pytest.mark.parametrize(
    "line", ["", "x", "x=", "x=0/60", "x=5/0", "x=5/60:disc", "x=5/60@moon", "x=5", "=5/60",
             "x=99999999/60", "x=5/99999999"],
)  # fmt: skip
def test_a_line_that_makes_no_sense_is_quoted(line: str) -> None:
    """[Q1.5] Nothing is taken for something else."""
    with pytest.raises(ValueError, match="="):
        parse_allowances([line])


def test_every_default_is_of_an_operation_that_exists() -> None:
    """[Q1.6] A default for a name that nobody calls would protect nothing."""
    operations = {cls.TAG for kind in BUILT_IN for cls in (*kind.commands, *kind.queries)}
    assert set(DEFAULTS) <= operations


async def test_one_call_too_many_is_refused_with_the_time_to_wait(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - works by being asked for
) -> None:
    """[Q1.7] At the gateway, on every connection of the user together, and nothing happens."""
    allowances = parse_allowances(["members.add=2/60"])
    async with wired(allowances=allowances) as server:
        tabs = [await server.client("ann") for _ in range(2)]
        tabs[0].send(Call(ref=1, target="chat:c", op="chat.create", args={"title": "t"}))
        assert isinstance(await tabs[0].receive(), Reply)
        for number, tab in enumerate([*tabs, tabs[0]]):
            args = {"user_id": f"u{number}", "role": "viewer"}
            tab.send(Call(ref=9 + number, target="chat:c", op="members.add", args=args))
            answer = await tab.receive()
            if number < 2:
                assert isinstance(answer, Reply)
        assert isinstance(answer, Error)
        assert (answer.code, answer.retry_after_ms) == ("rate_limited", 30_000)
        await trio.sleep(30)
        tabs[1].send(Call(ref=50, target="chat:c", op="members.add", args=args))
        assert isinstance(await tabs[1].receive(), Reply)


def test_what_reaches_others_or_stays_for_good_has_an_allowance() -> None:
    """[Q1.8] Without a setting nobody makes rooms, asks or invites without end."""
    actions = ("chat.create", "meeting.schedule", "participants.invite", "members.add")
    for action in (*actions, "connections.request"):
        allowances = Allowances(lambda: 0.0, DEFAULTS)
        for _ in range(DEFAULTS[action].count):
            allowances.spend(action, user_id="ann", address="192.0.2.1:1")
        with pytest.raises(RateLimited):
            allowances.spend(action, user_id="ann", address="192.0.2.1:1")
        assert DEFAULTS[action].count < 1_000
