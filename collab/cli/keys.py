"""``collab keys``: the master keys that seal people's provider keys."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import orjson
import trio
from attrs import frozen
from cyclopts import Parameter

from collab.app import AppSettings, open_app, system_clock_ms
from collab.audit import AuditEntry
from collab.cli.exit_codes import CommandFailed, ExitCode, leaves
from collab.cli.flags import ConfigFile, SettingFlags, load
from collab.cli.output import print_json, warn
from collab.config import Config
from collab.configured import configured_kinds
from collab.keyring import MasterKeys, MasterKeysUnusable
from collab.keyring.kind import KIND_NAME
from collab.keyring.rotation import reseal_all
from collab.storage import StoreUnusable
from collab.storage.actors import keys_of_kind


def rotate(
    *,
    data: Annotated[Path | None, Parameter(help="Data directory.", show_default=False)] = None,
    config: ConfigFile = None,
) -> ExitCode:
    """Make a fresh master key, seal all provider keys with it, and forget the old one.

    The server must be stopped. Interrupted, it has lost nothing: run it again. Keys that do not
    open are named, and then the old master key is kept.
    """
    settings = load(SettingFlags(data=data), config).config
    try:
        master = MasterKeys.open(settings.data)
        done = trio.run(partial(_reseal, settings, master))
    except (MasterKeysUnusable, StoreUnusable, OSError) as error:
        raise CommandFailed(ExitCode.STORE, str(error)) from None
    except ExceptionGroup as group:
        for leaf in leaves(group):
            if isinstance(leaf, MasterKeysUnusable | StoreUnusable | OSError):
                raise CommandFailed(ExitCode.STORE, str(leaf)) from None
        raise
    for name in done.broken:
        warn(f"the key of {name} does not open; the old master key is kept")
    print_json({"users": done.users, "sealed_anew": done.count, "broken": done.broken})
    return ExitCode.FAILED if done.broken else ExitCode.DONE


@frozen
class _Rotated:
    users: int
    count: int  # Of keys that were sealed anew.
    broken: list[str]


async def _reseal(settings: Config, master: MasterKeys) -> _Rotated:
    # All kinds: what waits to be sent to any of them must find it.
    kinds = configured_kinds(settings, master)
    async with open_app(settings.data, AppSettings(kinds=kinds)) as app:
        # All of it while this program has the directory: nobody comes with a key of whom it does
        # not know, or sealed with what it forgets, and nobody else rotates.
        master.read_again()
        master.begin_rotation()
        user_ids = await trio.to_thread.run_sync(keys_of_kind, settings.data, KIND_NAME)
        count, broken = await reseal_all(app.system, master, user_ids)
        if not broken:
            master.end_rotation()
        detail = orjson.dumps({"users": len(user_ids), "sealed_anew": count}).decode()
        entry = AuditEntry(
            at_ms=system_clock_ms(), action="keys.rotate", outcome="granted", detail=detail
        )
        app.store.audit_soon([entry])
    return _Rotated(len(user_ids), count, broken)
