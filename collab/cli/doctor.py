"""``collab doctor``: is this machine fit to run a server?

Every check looks and changes nothing that stays. A *warning* is worth knowing, a *failure* means
that ``collab serve`` would not start or would lose what it promises.
"""

from __future__ import annotations

import os
import platform
import resource
import secrets
import shutil
import socket
import stat
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

from attrs import frozen

from collab.cli.exit_codes import ExitCode
from collab.cli.flags import ConfigFile, SettingFlags, load
from collab.cli.output import print_rows
from collab.config import Config
from collab.identity import KEY_FILE_NAME, KeyUnusable, OwnKey
from collab.storage import StoreUnusable, check_deeply, inspect_store

_SYNCS: Final = 40
_SYNC_MS_SLOW: Final = 20.0  # An acknowledgement waits for one sync.
_SYNC_MS_UNLIKELY: Final = 0.02  # Faster than any device: the disk says yes without writing.
_FREE_BYTES_MIN: Final = 1 << 30
_FILES_BESIDES_CONNECTIONS: Final = 200
_CLOCK_MIN_S: Final = 1_735_689_600  # 2025-01-01: an unset clock would sign dead tokens.
_CLOCK_BACK_S: Final = 60.0
DAMAGE_LINES_MAX: Final = 100  # Whoever has more restores a backup.

Verdict = Literal["ok", "warning", "failure"]


@frozen
class Finding:
    """What one check saw."""

    check: str
    verdict: Verdict
    detail: str


def doctor(
    *, deep: bool = False, flags: SettingFlags | None = None, config: ConfigFile = None
) -> int:
    """Check disk, limits, database and clock. Takes the flags of ``collab serve``.

    With --deep also every record, bucket, snapshot and row of a database that no server has open.

    Exits with 1 if a check fails; warnings do not count.
    """
    loaded = load(flags, config)
    findings = [Finding("settings", "warning", warning) for warning in loaded.warnings]
    findings += examine(loaded.config)
    if deep:
        findings += examine_deeply(loaded.config)
    print_rows(
        "Doctor",
        ("check", "verdict", "detail"),
        [(finding.check, finding.verdict, finding.detail) for finding in findings],
    )
    failed = any(finding.verdict == "failure" for finding in findings)
    return ExitCode.FAILED if failed else ExitCode.DONE


def examine(config: Config) -> Iterator[Finding]:
    """Yield what every check sees. Takes up to a few seconds on a slow disk."""
    for name, check in _CHECKS:
        try:
            verdict, detail = check(config)
        except OSError as error:
            verdict, detail = "failure", str(error)
        yield Finding(name, verdict, detail)


def examine_deeply(config: Config) -> Iterator[Finding]:
    """Yield what is wrong in the database, at most ``DAMAGE_LINES_MAX`` lines, or that all is well.

    Takes about a second per 100 MB.
    """
    try:
        condition = check_deeply(config.data)
    except StoreUnusable as error:
        yield Finding("every byte", "failure", str(error))
        return
    if condition.is_sound:
        counts = ", ".join(f"{rows} {name}" for name, rows in condition.checked.items())
        yield Finding("every byte", "ok", f"rows checked: {counts or 'none'}")
        return
    for line in condition.findings[:DAMAGE_LINES_MAX]:
        yield Finding("every byte", "failure", line)
    left = len(condition.findings) - DAMAGE_LINES_MAX + condition.findings_left_out
    if left > 0:
        yield Finding("every byte", "failure", f"and {left} more")


def _versions(_config: Config) -> tuple[Verdict, str]:
    python = platform.python_version()
    return "ok", f"Python {python}, apsw {version('apsw')}, {platform.platform()}"


def _directory(config: Config) -> tuple[Verdict, str]:
    directory = config.data.absolute()
    if not directory.exists():
        parent = _existing(directory)
        if not os.access(parent, os.W_OK | os.X_OK):
            return "failure", f"{directory} is missing and {parent} is not writable"
        return "ok", f"{directory} is missing and will be made"
    if not directory.is_dir():
        return "failure", f"{directory} is not a directory"
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return "failure", f"{directory} is not readable and writable"
    if stat.S_IMODE(directory.stat().st_mode) & stat.S_IRWXO:
        return "warning", f"{directory} is open to all users; run: chmod o= {directory}"
    return "ok", str(directory)


def _store(config: Config) -> tuple[Verdict, str]:
    if not config.data.is_dir():
        return "ok", "none yet; made on first use"
    try:
        condition = inspect_store(config.data)
    except StoreUnusable as error:
        return "failure", str(error)
    size = f"{condition.nbytes / 2**20:.1f} MiB"
    if condition.holder is not None:
        used = f"process {condition.holder} is using it, so it was not looked into"
        return "warning", f"{size}; {used}; a second server would be refused"
    if condition.schema == 0:
        return "ok", "none yet; made on first use"
    read = "read whole" if condition.is_read_whole else "too large to be read whole"
    return "ok", f"{size}, schema {condition.schema}, {read}"


def _key(config: Config) -> tuple[Verdict, str]:
    if not (config.data / KEY_FILE_NAME).exists():
        return "ok", "none yet; made on first use"
    try:
        return "ok", f"key {OwnKey.open(config.data).kid}"
    except KeyUnusable as error:
        return "failure", str(error)


def _space(config: Config) -> tuple[Verdict, str]:
    free = shutil.disk_usage(_existing(config.data.absolute())).free
    verdict: Verdict = "ok" if free >= _FREE_BYTES_MIN else "warning"
    return verdict, f"{free / 2**30:.1f} GiB free"


def _sync(config: Config) -> tuple[Verdict, str]:
    directory = _existing(config.data.absolute())
    times_ms = sorted(_sync_times_ms(directory))
    median, worst = times_ms[len(times_ms) // 2], times_ms[-1]
    detail = f"4 KiB and fdatasync: median {median:.2f} ms, worst of {_SYNCS} {worst:.1f} ms"
    if median > _SYNC_MS_SLOW:
        return "warning", f"{detail}; every acknowledged write waits this long"
    if median < _SYNC_MS_UNLIKELY:
        return "warning", f"{detail}; too fast for a real disk: does it survive a power cut?"
    return "ok", detail


def _sync_times_ms(directory: Path) -> Iterator[float]:
    path = directory / f".doctor-{secrets.token_hex(8)}"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        path.unlink()  # It lives as long as the handle, whatever happens.
        for _ in range(_SYNCS):
            start = time.perf_counter()
            os.write(handle, b"\0" * 4_096)
            os.fdatasync(handle)
            yield (time.perf_counter() - start) * 1000
    finally:
        os.close(handle)


def _files(config: Config) -> tuple[Verdict, str]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = config.connections_max + _FILES_BESIDES_CONNECTIONS
    detail = f"soft {soft}, hard {hard}; {config.connections_max} connections need {needed}"
    # The server raises the soft limit to the hard one by itself.
    if hard != resource.RLIM_INFINITY and hard < needed:
        return "warning", f"{detail}; raise it or lower connections_max"
    return "ok", detail


def _address(config: Config) -> tuple[Verdict, str]:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.host, config.port))
        except OSError as error:
            return "warning", f"{config.host}:{config.port}: {error.strerror or error}"
    return "ok", f"{config.host}:{config.port} is free"


def _clock(config: Config) -> tuple[Verdict, str]:
    now = time.time()
    shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    if now < _CLOCK_MIN_S:
        return "failure", f"{shown}: the clock is not set"
    if config.data.is_dir():
        newest = max((entry.stat().st_mtime for entry in os.scandir(config.data)), default=0.0)
        if newest > now + _CLOCK_BACK_S:
            return "warning", f"{shown}: the data directory was written {newest - now:.0f} s later"
    return "ok", shown


def _existing(path: Path) -> Path:
    """Return *path* or its nearest parent that exists."""
    return next(candidate for candidate in (path, *path.parents) if candidate.exists())


_CHECKS: Final[tuple[tuple[str, Callable[[Config], tuple[Verdict, str]]], ...]] = (
    ("versions", _versions),
    ("data directory", _directory),
    ("database", _store),
    ("signing key", _key),
    ("free space", _space),
    ("disk sync", _sync),
    ("open files", _files),
    ("address", _address),
    ("clock", _clock),
)
