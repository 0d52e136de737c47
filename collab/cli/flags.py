"""The settings as flags. ``None`` means: not given, so the next source decides.

One flag per setting of ``collab.config.Config``, by the same name; a test compares the two.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import attrs
from attrs import frozen
from cyclopts import Parameter

from collab.cli.exit_codes import CommandFailed, ExitCode
from collab.config import LogFormat, LogLevel, about
from collab.config_sources import ConfigError, Loaded, load_config


def _flag(name: str) -> Parameter:
    # Lists are given as one word, split at commas, as in the environment.
    return Parameter(help=about(name), show_default=False)


@Parameter(name="*")
@frozen(kw_only=True)
class SettingFlags:
    """Every setting, unset."""

    host: Annotated[str | None, _flag("host")] = None
    port: Annotated[int | None, _flag("port")] = None
    data: Annotated[Path | None, _flag("data")] = None
    dev: Annotated[bool | None, _flag("dev")] = None
    tls_cert: Annotated[Path | None, _flag("tls_cert")] = None
    tls_key: Annotated[Path | None, _flag("tls_key")] = None
    kinds: Annotated[str | None, _flag("kinds")] = None
    issuers: Annotated[str | None, _flag("issuers")] = None
    guests: Annotated[bool | None, _flag("guests")] = None
    trusted_proxies: Annotated[str | None, _flag("trusted_proxies")] = None
    allowed_origins: Annotated[str | None, _flag("allowed_origins")] = None
    connections_max: Annotated[int | None, _flag("connections_max")] = None
    connections_per_address_max: Annotated[int | None, _flag("connections_per_address_max")] = None
    frame_bytes_max: Annotated[int | None, _flag("frame_bytes_max")] = None
    message_rate_per_s: Annotated[float | None, _flag("message_rate_per_s")] = None
    message_burst: Annotated[int | None, _flag("message_burst")] = None
    webhooks: Annotated[str | None, _flag("webhooks")] = None
    allowances: Annotated[str | None, _flag("allowances")] = None
    batch_interval_ms: Annotated[float | None, _flag("batch_interval_ms")] = None
    idle_timeout_s: Annotated[float | None, _flag("idle_timeout_s")] = None
    handshake_timeout_s: Annotated[float | None, _flag("handshake_timeout_s")] = None
    drain_timeout_s: Annotated[float | None, _flag("drain_timeout_s")] = None
    admins: Annotated[str | None, _flag("admins")] = None
    quota_anonymous: Annotated[int | None, _flag("quota_anonymous")] = None
    quota_signed_in: Annotated[int | None, _flag("quota_signed_in")] = None
    quota_pro: Annotated[int | None, _flag("quota_pro")] = None
    pro_models: Annotated[str | None, _flag("pro_models")] = None
    quota_zone: Annotated[str | None, _flag("quota_zone")] = None
    log_level: Annotated[LogLevel | None, _flag("log_level")] = None
    log_format: Annotated[LogFormat | None, _flag("log_format")] = None


ConfigFile = Annotated[Path | None, Parameter(help="Settings file (TOML).", show_default=False)]


def load(flags: SettingFlags | None, config_file: Path | None) -> Loaded:
    """Merge *flags* with the other sources.

    Raises:
      CommandFailed: a setting is wrong.
    """
    given = attrs.asdict(flags, recurse=False) if flags else {}
    try:
        return load_config(
            {name: value for name, value in given.items() if value is not None},
            config_file=config_file,
        )
    except ConfigError as error:
        raise CommandFailed(ExitCode.SETTINGS, str(error)) from None
