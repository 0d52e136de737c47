"""Commands that need no server: help, token, config, doctor."""

from __future__ import annotations

import os
import re
from pathlib import Path

import attrs
import orjson
import pytest
import trio

from actors import Batch
from collab.cli.exit_codes import ExitCode
from collab.cli.flags import SettingFlags
from collab.config import setting_names
from collab.identity import OwnKey, Signer
from collab.storage import open_store
from tests.collab.cli.conftest import Collab, Server

COMMANDS = ("serve", "demo", "token", "call", "follow", "notes", "config", "doctor")


def rows(text: str) -> list[dict[str, str]]:
    return [orjson.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("command", [*COMMANDS, "notes export", "notes import"])
def test_every_command_has_help_with_examples(
    collab: Collab, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """[O6.1] Every command explains itself; its examples can be pasted from 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    ended = collab(*command.split(), "--help")
    assert ended.code == 0
    if command == "notes":  # It only lists what stands below it.
        assert {"export", "import"} <= set(ended.out.split())
        return
    examples = ended.out.partition("Examples:")[2].strip("\n").splitlines()
    assert examples
    for line in examples:
        assert re.match(r"    (\S.*)?\bcollab ", line)  # Not the rest of the line above it.


@pytest.mark.parametrize("command", ["call", "follow", "notes export", "notes import"])
def test_usage_and_list_name_the_same_arguments(
    collab: Collab, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """[O6.1] What the usage line names is what is explained below it."""
    monkeypatch.setenv("COLUMNS", "80")
    usage, _, below = collab(*command.split(), "--help").out.partition("\n")
    named = re.findall(r"[A-Z]+", usage.partition("[OPTIONS]")[2])
    explained = re.findall(r"^│ [* ]  ([A-Z]+) ", below, re.MULTILINE)
    assert named == explained


def test_the_list_of_commands_is_complete(collab: Collab) -> None:
    """[O6.1] ``collab --help`` lists every command with a sentence."""
    out = collab("--help").out
    for command in COMMANDS:
        assert re.search(rf"│ {command} +\S.*\.", out)


@pytest.mark.parametrize(
    "words",
    [("nonsense",), ("serve", "--prot", "1"), ("token",), ("call", "chat:c1")],
    ids=" ".join,
)
def test_a_wrong_command_line_ends_with_two(collab: Collab, words: tuple[str, ...]) -> None:
    """[O6.2] A command line that makes no sense ends with 2 and a sentence on standard error."""
    ended = collab(*words)
    assert (ended.code, ended.out) == (ExitCode.USAGE, "")
    assert ended.err


def test_every_setting_is_a_flag() -> None:
    """[O2.5] Flags and settings have the same names."""
    assert tuple(attrs.fields_dict(SettingFlags)) == setting_names()


# ---------------------------------------------------------------- token


def test_a_printed_token_is_good_for_a_server_on_that_directory(
    collab: Collab, tmp_path: Path
) -> None:
    """[O6.3] ``collab token`` signs with the directory's own key, made if there is none."""
    store = tmp_path / "a" / "store"
    words = ("--user", "ann", "--org", "acme", "--role", "admin", "--ttl", "60")
    ended = collab("token", *words, "--data", store)
    assert ended.code == 0
    (token,) = ended.out.split()
    now_ms = int(os.stat(store).st_mtime * 1000)
    claims = Signer(OwnKey.open(store), lambda: now_ms).check(token)
    assert (claims.user_id, claims.org_id, claims.org_role) == ("ann", "acme", "admin")
    assert abs(claims.expires_at_ms - now_ms - 60_000) < 10_000
    assert store.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "words", [("--user", "a/b"), ("--user", "ann", "--ttl", "0"), ("--user", "ann", "--org", "")]
)
def test_a_token_that_nobody_would_accept_is_not_made(
    collab: Collab, words: tuple[str, ...]
) -> None:
    """[O6.3] Claims out of their grammar are refused when signing."""
    ended = collab("token", *words)
    assert (ended.code, ended.out) == (ExitCode.USAGE, "")
    assert len(ended.err.splitlines()) == 1


def test_a_token_needs_a_usable_key(collab: Collab, tmp_path: Path) -> None:
    """[O6.3] A damaged key is told in one line."""
    (tmp_path / "token_key.json").write_text("x")
    (tmp_path / "token_key.json").chmod(0o600)
    ended = collab("token", "--user", "ann", "--data", tmp_path)
    assert (ended.code, ended.out) == (ExitCode.STORE, "")
    assert len(ended.err.splitlines()) == 1


# ---------------------------------------------------------------- config


def test_config_shows_values_and_their_sources(
    collab: Collab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[O2.5] ``collab config`` prints every setting with value, source and explanation."""
    (tmp_path / "collab.toml").write_text("idle_timeout_s = 30\n")
    monkeypatch.setenv("COLLAB_LOG_LEVEL", "debug")
    ended = collab("config", "--port", "9000")
    assert ended.code == 0
    shown = {row["setting"]: row for row in rows(ended.out)}
    assert tuple(shown) == setting_names()
    assert (shown["port"]["value"], shown["port"]["from"]) == ("9000", "flag --port")
    assert shown["idle_timeout_s"]["from"] == f"file {tmp_path / 'collab.toml'}"
    assert shown["log_level"]["from"] == "environment COLLAB_LOG_LEVEL"
    assert shown["host"]["from"] == "default"


def test_a_wrong_setting_ends_every_command_that_reads_it(collab: Collab, tmp_path: Path) -> None:
    """[O2.3] One line that names the setting and its source; exit code 20."""
    (tmp_path / "collab.toml").write_text("prot = 9000\n")
    for command in ("config", "doctor", "serve"):
        ended = collab(command)
        assert (ended.code, ended.out) == (ExitCode.SETTINGS, "")
        assert len(ended.err.splitlines()) == 1
        assert "prot" in ended.err


# ---------------------------------------------------------------- doctor


def test_doctor_finds_a_healthy_machine_healthy(collab: Collab, tmp_path: Path) -> None:
    """[O6.4] ``collab doctor`` checks disk, limits, directory and clock, and leaves nothing."""
    before = os.listdir(tmp_path)
    ended = collab("doctor")
    assert ended.code == 0
    checks = {row["check"]: row for row in rows(ended.out)}
    assert {"disk sync", "open files", "data directory", "clock"} <= set(checks)
    assert "median" in checks["disk sync"]["detail"]
    assert os.listdir(tmp_path) == before


def test_doctor_finds_what_would_stop_a_server(collab: Collab, tmp_path: Path) -> None:
    """[O6.4] What would stop ``collab serve`` is a failure, and the exit code is 1."""
    (tmp_path / "file").write_text("")
    ended = collab("doctor", "--data", tmp_path / "file")
    assert ended.code == ExitCode.FAILED
    assert {row["check"]: row for row in rows(ended.out)}["data directory"]["verdict"] == "failure"


def test_doctor_finds_a_database_that_would_stop_a_server(collab: Collab, tmp_path: Path) -> None:
    """[O6.4] What is no database of ours is a failure, although the directory is fine."""
    (tmp_path / "collab.db").write_bytes(b"hello")
    ended = collab("doctor", "--data", tmp_path)
    checks = {row["check"]: row for row in rows(ended.out)}
    assert ended.code == ExitCode.FAILED
    assert checks["database"]["verdict"] == "failure"
    assert "not a database of this program" in checks["database"]["detail"]


async def test_doctor_looks_at_every_byte_when_told(collab: Collab, tmp_path: Path) -> None:
    """[O6.12] ``--deep`` counts what is sound, and names whose record is damaged."""
    async with open_store(tmp_path, clock_ms=lambda: 1) as store:
        await store.append(Batch("chat:c1", 1, [b"what-ann-wrote"]))
    ended = await trio.to_thread.run_sync(collab, "doctor", "--deep", "--data", tmp_path)
    (found,) = (row for row in rows(ended.out) if row["check"] == "every byte")
    assert (found["verdict"], found["detail"]) == ("ok", "rows checked: 1 bucket")
    path = tmp_path / "collab.db"
    path.write_bytes(path.read_bytes().replace(b"what-ann-wrote", b"what-bob-wrote"))
    ended = await trio.to_thread.run_sync(collab, "doctor", "--deep", "--data", tmp_path)
    assert ended.code == ExitCode.FAILED
    (found,) = (row for row in rows(ended.out) if row["check"] == "every byte")
    assert (found["verdict"], "chat:c1" in found["detail"]) == ("failure", True)


async def test_doctor_tells_of_a_server_that_runs(collab: Collab, server: Server) -> None:
    """[O6.4] A directory in use is a warning with the process that uses it."""
    ended = await trio.to_thread.run_sync(collab, "doctor", "--data", server.config.data)
    assert ended.code == ExitCode.DONE
    found = {row["check"]: row for row in rows(ended.out)}["database"]
    assert found["verdict"] == "warning"
    assert f"process {os.getpid()} is using it" in found["detail"]


def test_doctor_warns_of_a_clock_that_went_back(collab: Collab, tmp_path: Path) -> None:
    """[O6.4] Files from the future mean that the clock went back."""
    store = tmp_path / "store"
    store.mkdir()
    (store / "x").write_text("")
    os.utime(store / "x", (4e9, 4e9))
    ended = collab("doctor", "--data", store)
    assert {row["check"]: row for row in rows(ended.out)}["clock"]["verdict"] == "warning"
    assert ended.code == 0
