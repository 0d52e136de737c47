"""When a cron rule comes round next, in a time zone.

``cronsim`` does the search: it follows Debian's cron, is typed, and is used by a large monitor of
cron jobs. Of daylight saving it keeps two rules. A rule with a fixed hour whose time is skipped
runs at the first moment after the gap, and one whose time comes twice runs the first time only. A
rule with a wildcard as its minute or hour goes on at its pace through both.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from collab.timers.limits import CRON_LEN_MAX, ZONE_LEN_MAX

_FIELDS = 5  # Minute, hour, day of month, month, day of week. The library knows seconds, too.


def find_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name, such as ``America/Los_Angeles``.

    Raises:
      ValueError: there is none.
    """
    try:
        if len(name) <= ZONE_LEN_MAX:
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass  # What is no name of a zone is looked for as a file, and may be anything.
    raise ValueError(f"there is no time zone {name[:ZONE_LEN_MAX]!r}")


def check_cron(rule: str, zone: str) -> None:
    """Check that *rule* has five fields and comes round at all.

    Raises:
      ValueError: it is no rule, never comes round, or there is no such zone.
    """
    if len(rule) > CRON_LEN_MAX or len(rule.split()) != _FIELDS:
        raise ValueError("a cron rule has five fields: minute, hour, day, month, day of week")
    try:
        found = _next(rule, find_zone(zone), datetime(2024, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(f"no cron rule: {error}") from error
    if found is None:
        raise ValueError("this cron rule never comes round")


def next_occurrence_ms(rule: str, zone: str, after_ms: int) -> int | None:
    """Return the first time strictly after *after_ms*, Unix ms; None: never again.

    Raises:
      ValueError: *rule* or *zone* is none; see :func:`check_cron`.
    """
    after = datetime.fromtimestamp(after_ms // 1000, UTC)
    found = _next(rule, find_zone(zone), after)
    return None if found is None else int(found.timestamp()) * 1000


def day_in(zone: str, at_ms: int) -> str:
    """Return the date in *zone* at *at_ms*, as ``2026-11-20``."""
    return datetime.fromtimestamp(at_ms / 1000, find_zone(zone)).date().isoformat()


def next_midnight_ms(zone: str, at_ms: int) -> int:
    """Return when the next day begins in *zone*: the first instant that has its date.

    Where the clock is set ahead at midnight that is one o'clock by the wall.
    """
    place = find_zone(zone)
    tomorrow = datetime.fromtimestamp(at_ms / 1000, place).date() + timedelta(days=1)
    midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=place)
    return int(midnight.timestamp()) * 1000


def _next(rule: str, zone: ZoneInfo, after: datetime) -> datetime | None:
    # From within an hour that comes twice the search may begin with the first of the two.
    try:
        return next(found for found in CronSim(rule, after.astimezone(zone)) if found > after)
    except (StopIteration, OverflowError):
        return None
