"""``collab config``: what is in force, and why."""

from __future__ import annotations

from collab.cli.flags import ConfigFile, SettingFlags, load
from collab.cli.output import print_rows, warn
from collab.config import about, setting_names


def show_config(*, flags: SettingFlags | None = None, config: ConfigFile = None) -> None:
    """Show the settings in force, and where each comes from.

    Takes the flags of ``collab serve``, and shows what a server started with them would do.
    """
    loaded = load(flags, config)
    for warning in loaded.warnings:
        warn(warning)
    rows = [
        (name, _shown(getattr(loaded.config, name)), loaded.sources[name], about(name))
        for name in setting_names()
    ]
    print_rows("Settings", ("setting", "value", "from", "about"), rows)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
