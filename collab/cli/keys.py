"""``collab keys``: the master keys that seal people's provider keys."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import trio
from cyclopts import Parameter

from collab.app import AppSettings, open_app
from collab.cli.exit_codes import CommandFailed, ExitCode, leaves
from collab.cli.flags import ConfigFile, SettingFlags, load
from collab.cli.output import print_json, warn
from collab.config import Config
from collab.configured import configured_kinds
from collab.keyring import MasterKeys, MasterKeysUnusable
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
        # First of all: a server that is started meanwhile already seals with the fresh key.
        master.begin_rotation()
        user_ids = keys_of_kind(settings.data, "keys")
        count, broken = trio.run(partial(_reseal, settings, master, user_ids))
        if not broken:
            master.end_rotation()
    except (MasterKeysUnusable, StoreUnusable, OSError) as error:
        raise CommandFailed(ExitCode.STORE, str(error)) from None
    except ExceptionGroup as group:
        for leaf in leaves(group):
            if isinstance(leaf, StoreUnusable):
                raise CommandFailed(ExitCode.STORE, str(leaf)) from None
        raise
    for name in broken:
        warn(f"the key of {name} does not open; the old master key is kept")
    print_json({"users": len(user_ids), "sealed_anew": count, "broken": broken})
    return ExitCode.FAILED if broken else ExitCode.DONE


async def _reseal(
    settings: Config, master: MasterKeys, user_ids: list[str]
) -> tuple[int, list[str]]:
    # All kinds: what waits to be sent to any of them must find it.
    kinds = configured_kinds(settings, master)
    async with open_app(settings.data, AppSettings(kinds=kinds)) as app:
        return await reseal_all(app.system, master, user_ids)
