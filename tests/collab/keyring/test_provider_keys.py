"""People's provider keys through the whole server: in, and never out again."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from collab.app import AppSettings, open_app
from collab.audit import AuditFilter
from collab.cli import main
from collab.errors import LimitExceeded, PermissionDenied
from collab.keyring import MasterKeys, SealBroken, keys_kind, provider_key
from collab.keyring.limits import KEYS_PER_USER_MAX
from collab.keyring.rotation import reseal_all
from collab.keyring.state import ListKeys, RemoveKey, SetKey
from collab.kind import Kind
from collab.kinds import BUILT_IN
from collab.storage import export_audit
from collab.storage.actors import keys_of_kind
from protocol.client import SnapshotItem
from protocol.errors import CallFailed
from tests.integration.served import served

SECRET = "sk-proj-never-to-be-seen-0123456789"


def kinds_with(master: MasterKeys | None) -> list[Kind[Any]]:
    return [*(kind for kind in BUILT_IN if kind.name != "keys"), keys_kind(master)]


def settings_in(directory: Path | None) -> AppSettings:
    return AppSettings(dev=True, kinds=kinds_with(MasterKeys.open(directory)))


def files_with(content: bytes, directory: Path) -> list[str]:
    return [path.name for path in directory.rglob("*") if content in path.read_bytes()]


async def test_a_key_comes_in_and_is_never_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """[X3.1] Not in answers, events, snapshots, errors, logs, audit, journal, nor the file."""
    caplog.set_level(logging.DEBUG)
    heard: list[object] = []
    async with (
        served(tmp_path, settings_in(tmp_path)) as server,
        server.client("ann", encoding="json") as ann,
        server.client("eve") as eve,
        ann.follow("keys:ann", ["keys"]) as follower,
    ):
        heard.append(await anext(follower))
        args = {"provider": "openai", "secret": SECRET}
        answer = await ann.call("keys:ann", "keys.set", args, key="k")
        assert set(answer) == {"fingerprint"}
        assert await ann.call("keys:ann", "keys.set", args, key="k") == answer
        heard += [answer, await anext(follower)]
        heard.append(await ann.call("keys:ann", "keys.list", {}))
        for wrong in (
            {"provider": "openai", "secret": [SECRET]},
            {"provider": SECRET + " ", "secret": SECRET},
            {"provider": "openai", "secret": SECRET * 200},
            {"provider": "openai", "secret": SECRET + "\n"},
        ):
            with pytest.raises(CallFailed) as refused:
                await ann.call("keys:ann", "keys.set", wrong)
            heard.append(refused.value)
        with pytest.raises(CallFailed, match="permission_denied") as denied:
            await eve.call("keys:ann", "keys.set", args)
        heard.append(denied.value)
        secret = await provider_key(server.app.system, MasterKeys.open(tmp_path), "ann", "openai")
        assert secret == SECRET
        history = await server.app.reader.events("keys:ann", after=0, limit=100)
        assert len(history) == 2
        heard += history
    assert SECRET not in repr(heard)
    assert SECRET not in caplog.text
    assert files_with(SECRET.encode(), tmp_path) == []


async def test_a_fault_does_not_tell_the_key(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """[X3.1] A crash while a key is handled is logged without it."""
    caplog.set_level(logging.DEBUG)

    def broken(*_args: object) -> None:
        raise ZeroDivisionError

    async with served(None, settings_in(None)) as server, server.client("ann") as ann:
        monkeypatch.setattr(MasterKeys, "seal", broken)
        args = {"provider": "openai", "secret": SECRET}
        with pytest.raises(CallFailed, match="internal"):
            await ann.call("keys:ann", "keys.set", args, key="k", timeout_s=3)
    assert "ZeroDivisionError" in caplog.text
    assert SECRET not in caplog.text


async def test_keys_are_their_owners() -> None:
    """[X3.2] Set, set anew, listed, removed by their owner; nobody else knows of any."""
    async with open_app(None, settings_in(None)) as app:
        first = await app.do("keys:ann", SetKey(provider="p", secret=SECRET), user_id="ann")
        other = await app.do("keys:ann", SetKey(provider="p", secret=SECRET + "2"), user_id="ann")
        assert first != other
        listed: Any = await app.look("keys:ann", ListKeys(), user_id="ann")
        assert [(key["provider"], key["fingerprint"]) for key in listed["keys"]] == [
            ("p", other["fingerprint"])  # type: ignore[index]
        ]
        with pytest.raises(PermissionDenied):
            await app.look("keys:ann", ListKeys(), user_id="eve")
        await app.do("keys:ann", RemoveKey(provider="p"), user_id="ann")
        await app.do("keys:ann", RemoveKey(provider="p"), user_id="ann")
        assert await app.look("keys:ann", ListKeys(), user_id="ann") == {"keys": []}
        for n in range(KEYS_PER_USER_MAX):
            await app.do("keys:ann", SetKey(provider=f"p{n}", secret=SECRET), user_id="ann")
        with pytest.raises(LimitExceeded):
            await app.do("keys:ann", SetKey(provider="more", secret=SECRET), user_id="ann")


async def test_without_master_keys_none_are_taken() -> None:
    """[X3.3] A server that keeps no keys says so."""
    settings = AppSettings(dev=True, kinds=kinds_with(None))
    async with served(None, settings) as server, server.client("ann") as ann:
        with pytest.raises(CallFailed, match="conflict"):
            await ann.call("keys:ann", "keys.set", {"provider": "p", "secret": SECRET})
        async with ann.follow("keys:ann", ["keys"]) as follower:
            shown = await anext(follower)
            assert isinstance(shown, SnapshotItem)
            assert shown.topics["keys"] == {"keys": []}


async def fill(directory: Path, count: int) -> None:
    """Store *count* keys, as a server would."""
    async with open_app(directory, settings_in(directory)) as app:
        for n in range(count):
            command = SetKey(provider="p", secret=f"{SECRET}-{n}")
            await app.do(f"keys:u{n}", command, user_id=f"u{n}")


async def check(directory: Path, count: int) -> None:
    """Check that all *count* keys open, with the directory's master keys."""
    master = MasterKeys.open(directory)
    async with open_app(directory, AppSettings(kinds=kinds_with(master))) as app:
        for n in range(count):
            found = await provider_key(app.system, master, f"u{n}", "p")
            assert found == f"{SECRET}-{n}"


def rotate(directory: Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["keys", "rotate", "--data", str(directory)])
    return int(ended.value.code or 0)


async def test_rotation_seals_everything_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """[X2.2] ``collab keys rotate``: all keys open, the old one is gone, it is audited; twice."""
    await fill(tmp_path, 5)
    before = MasterKeys.open(tmp_path)
    for _again in range(2):
        assert await trio.to_thread.run_sync(partial(rotate, tmp_path)) == 0
        assert '"sealed_anew":5' in capsys.readouterr().out
        await check(tmp_path, 5)
    entries = list(export_audit(tmp_path, AuditFilter(action="keys.rotate")))
    assert [record.entry.detail for record in entries] == ['{"users":5,"sealed_anew":5}'] * 2
    after = MasterKeys.open(tmp_path)
    assert after.active != before.active
    assert after.old == frozenset()


async def test_who_has_keys_is_found_while_the_directory_is_held(tmp_path: Path) -> None:
    """[X2.6] Whoever came last, too: keys that are on no list would be lost with the old key."""
    assert await trio.to_thread.run_sync(partial(rotate, tmp_path)) == 0, "nothing in it yet"
    await fill(tmp_path, 2)
    async with open_app(tmp_path, settings_in(tmp_path)) as app:
        await app.do("keys:late", SetKey(provider="p", secret=SECRET), user_id="late")
        found = await trio.to_thread.run_sync(keys_of_kind, tmp_path, "keys")
    assert found == ["late", "u0", "u1"]


async def test_keys_are_read_again_once_the_directory_is_held(tmp_path: Path) -> None:
    """[X2.7] A rotation that ended while a server was starting: it seals with the fresh key."""
    await fill(tmp_path, 1)
    starting = MasterKeys.open(tmp_path)
    assert await trio.to_thread.run_sync(partial(rotate, tmp_path)) == 0
    async with open_app(tmp_path, AppSettings(kinds=kinds_with(starting))) as app:
        starting.read_again()
        await app.do("keys:u1", SetKey(provider="p", secret=f"{SECRET}-1"), user_id="u1")
    await check(tmp_path, 2)


async def test_a_rotation_that_was_killed_goes_on(tmp_path: Path) -> None:
    """[X2.3] Cut after any number of keys, all open; the next run ends it."""
    await fill(tmp_path, 4)
    for done in range(4):
        master = MasterKeys.open(tmp_path)
        master.begin_rotation()
        async with open_app(tmp_path, AppSettings(kinds=kinds_with(master))) as app:
            await reseal_all(app.system, master, [f"u{n}" for n in range(done)])
        await check(tmp_path, 4)
        assert MasterKeys.open(tmp_path).old
    assert await trio.to_thread.run_sync(partial(rotate, tmp_path)) == 0
    await check(tmp_path, 4)


async def test_a_key_that_does_not_open_keeps_the_old_master_key(tmp_path: Path) -> None:
    """[X2.4] It is named, nothing is lost, and the command fails."""
    await fill(tmp_path, 2)
    stranger = MasterKeys.open(None)
    settings = AppSettings(dev=True, kinds=kinds_with(stranger))
    async with open_app(tmp_path, settings) as app:
        await app.do("keys:eve", SetKey(provider="p", secret=SECRET), user_id="eve")
    assert await trio.to_thread.run_sync(partial(rotate, tmp_path)) == 1
    master = MasterKeys.open(tmp_path)
    assert master.old
    await check(tmp_path, 2)
    async with open_app(tmp_path, AppSettings(kinds=kinds_with(master))) as app:
        with pytest.raises(SealBroken):
            await provider_key(app.system, master, "eve", "p")


async def test_a_running_server_is_not_rotated_under_its_feet(tmp_path: Path) -> None:
    """[X2.5] The directory is in use: told in one line, and all keys go on to open."""
    await fill(tmp_path, 1)
    async with served(tmp_path, settings_in(tmp_path)):
        assert await trio.to_thread.run_sync(partial(rotate, tmp_path)) != 0
    await check(tmp_path, 1)
