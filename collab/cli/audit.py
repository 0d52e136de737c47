"""``collab audit``: take the log out, and prove that nobody has touched it.

Both read the data directory, also while a server uses it.
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import orjson
from cyclopts import Parameter

from collab.audit import Anchor, AuditFilter
from collab.audit.kind import shown
from collab.cli.exit_codes import CommandFailed, ExitCode
from collab.cli.flags import ConfigFile, SettingFlags, load
from collab.storage import StoreUnusable, export_audit, verify_audit

Data = Annotated[Path | None, Parameter(help="Data directory.", show_default=False)]


def export(
    *,
    user: Annotated[str | None, Parameter(help="Only what this user did.")] = None,
    org: Annotated[str | None, Parameter(help="Only people of this organisation.")] = None,
    target: Annotated[str | None, Parameter(help="Only on this target.")] = None,
    action: Annotated[str | None, Parameter(help="Only this action.")] = None,
    outcome: Annotated[
        Literal["granted", "refused"] | None, Parameter(help="Only these.", show_default=False)
    ] = None,
    since: Annotated[str | None, Parameter(help="From this time on, UTC unless it says.")] = None,
    until: Annotated[str | None, Parameter(help="Before this time.")] = None,
    data: Data = None,
    config: ConfigFile = None,
) -> None:
    """Print the audit log as JSON Lines, oldest first."""
    directory = load(SettingFlags(data=data), config).config.data
    wanted = AuditFilter(
        user_id=user,
        org_id=org,
        target=target,
        action=action,
        outcome=outcome,
        from_ms=_unix_ms(since),
        until_ms=_unix_ms(until),
    )
    try:
        for record in export_audit(directory, wanted):
            line = shown(record)
            line["detail"] = orjson.loads(record.entry.detail)
            sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.flush()
    except StoreUnusable as error:
        raise CommandFailed(ExitCode.STORE, str(error)) from None


def verify(
    *,
    anchor: Annotated[
        tuple[str, ...], Parameter(help="NUMBER:HASH of an earlier end; may be repeated.")
    ] = (),
    data: Data = None,
    config: ConfigFile = None,
) -> ExitCode:
    """Prove the audit log: that no entry was changed, taken out, added or moved.

    Prints the log's end as NUMBER:HASH. Keep it elsewhere and give it as --anchor the next time:
    only so it is found out if the newest entries were cut off, or all of it was written anew. The
    server's own log has such ends too, one at each start and stop.
    """
    directory = load(SettingFlags(data=data), config).config.data
    try:
        anchors = frozenset(Anchor.parse(text) for text in anchor)
    except ValueError as error:
        raise CommandFailed(ExitCode.USAGE, str(error)) from None
    try:
        condition = verify_audit(directory, anchors)
    except StoreUnusable as error:
        raise CommandFailed(ExitCode.STORE, str(error)) from None
    for finding in condition.findings:
        print(finding)
    if condition.findings_left_out:
        print(f"and {condition.findings_left_out} more")
    verdict = "sound" if condition.is_sound else "NOT sound"
    print(f"{verdict}: {condition.entries} entries, the end is {condition.end}")
    return ExitCode.DONE if condition.is_sound else ExitCode.FAILED


def _unix_ms(text: str | None) -> int | None:
    """Return a time as Unix milliseconds: 2026-11-20, 2026-11-20T16:00, or with a zone.

    Raises:
      CommandFailed: it is no time.
    """
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(re.sub(r"Z$", "+00:00", text))
    except ValueError:
        raise CommandFailed(ExitCode.USAGE, f"{text[:50]!r} is no time: 2026-11-20T16:00") from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return round(at.timestamp() * 1000)
