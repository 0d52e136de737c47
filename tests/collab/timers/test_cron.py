"""Rules in time zones that change their clocks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from collab.timers.cron import (
    day_in,
    find_zone,
    next_midnight_ms,
    next_occurrence_ms,
)

LA = "America/Los_Angeles"


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def occurrences(rule: str, zone: str, after: str, count: int) -> list[str]:
    found: list[str] = []
    at_ms: int | None = ms(after)
    for _ in range(count):
        assert at_ms is not None
        at_ms = next_occurrence_ms(rule, zone, at_ms)
        assert at_ms is not None
        found.append(datetime.fromtimestamp(at_ms / 1000, find_zone(zone)).isoformat())
    return found


@pytest.mark.parametrize(
    ("rule", "zone", "after", "expected"),
    [
        # The clock jumps over half past two: the first moment after it.
        (
            "30 2 * * *",
            LA,
            "2026-03-07T20:00",
            ["2026-03-08T03:00:00-07:00", "2026-03-09T02:30:00-07:00"],
        ),
        # Half past one comes twice: the first one only.
        (
            "30 1 * * *",
            LA,
            "2026-11-01T00:00",
            ["2026-11-01T01:30:00-07:00", "2026-11-02T01:30:00-08:00"],
        ),
        # Every hour stays every hour through both.
        (
            "0 * * * *",
            LA,
            "2026-11-01T07:30",
            [
                "2026-11-01T01:00:00-07:00",
                "2026-11-01T01:00:00-08:00",
                "2026-11-01T02:00:00-08:00",
            ],
        ),
        (
            "0 * * * *",
            LA,
            "2026-03-08T08:30",
            ["2026-03-08T01:00:00-08:00", "2026-03-08T03:00:00-07:00"],
        ),
        # Midnight itself is skipped.
        (
            "0 0 * * *",
            "America/Santiago",
            "2026-09-05T12:00",
            ["2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00"],
        ),
        ("0 0 29 2 *", "UTC", "2026-01-01T00:00", ["2028-02-29T00:00:00+00:00"]),
        ("0 9 * * MON", "Asia/Kolkata", "2026-11-20T00:00", ["2026-11-23T09:00:00+05:30"]),
    ],
)
def test_a_rule_comes_round_by_the_clock_on_the_wall(
    rule: str, zone: str, after: str, expected: list[str]
) -> None:
    """[H2.1] Skipped times ring after the gap, doubled ones once, wildcards keep their pace."""
    assert occurrences(rule, zone, after, len(expected)) == expected


def test_a_rule_never_answers_with_the_past() -> None:
    """[H2.2] From within the second of two equal hours the next time is still ahead."""
    second_1_10 = ms("2026-11-01T09:10")
    found = next_occurrence_ms("30 1 * * *", LA, second_1_10)
    assert found == ms("2026-11-02T09:30")
    for minute in range(0, 60 * 24 * 2, 7):  # Through the whole change.
        at_ms = ms("2026-10-31T12:00") + minute * 60_000
        for rule in ("30 1 * * *", "*/20 1 * * *", "5 * * * *", "0 2 * * *"):
            upcoming = next_occurrence_ms(rule, LA, at_ms)
            assert upcoming is not None
            assert upcoming > at_ms


@pytest.mark.parametrize(
    ("zone", "at", "day", "midnight"),
    [
        (LA, "2026-11-20T07:59", "2026-11-19", "2026-11-20T08:00"),
        (LA, "2026-11-20T08:00", "2026-11-20", "2026-11-21T08:00"),
        (LA, "2026-03-08T08:00", "2026-03-08", "2026-03-09T07:00"),  # 23 hours.
        (LA, "2026-11-01T07:00", "2026-11-01", "2026-11-02T08:00"),  # 25 hours.
        ("America/Santiago", "2026-09-05T12:00", "2026-09-05", "2026-09-06T04:00"),  # No midnight.
        ("America/Havana", "2026-10-31T12:00", "2026-10-31", "2026-11-01T04:00"),  # Two of them.
        ("Pacific/Apia", "2011-12-29T12:00", "2011-12-29", "2011-12-30T10:00"),  # No 30th at all.
    ],
)
def test_a_day_ends_when_the_date_changes(zone: str, at: str, day: str, midnight: str) -> None:
    """[H2.3] The next midnight is the first instant of another date, whatever the clock does."""
    at_ms, end_ms = ms(at), next_midnight_ms(zone, ms(at))
    assert day_in(zone, at_ms) == day
    assert end_ms == ms(midnight)
    assert day_in(zone, end_ms - 1) == day
    assert day_in(zone, end_ms) != day
