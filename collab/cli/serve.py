"""``collab serve``: a server as a process of its own, with signals, limits and exit codes."""

from __future__ import annotations

import logging
import resource
import sys
from collections.abc import Callable, Iterator
from typing import Final

import trio

from actors import JournalBroken
from collab.cli.exit_codes import CommandFailed, ExitCode, leaves
from collab.cli.flags import ConfigFile, SettingFlags, load
from collab.cli.output import warn
from collab.cli.signals import stop_on_signals
from collab.config import Config, is_loopback
from collab.garbage import collect_for_ever, tune
from collab.identity import KeyUnusable
from collab.keyring import MasterKeysUnusable
from collab.kinds import KindUnusable
from collab.listening import AddressUnusable
from collab.logs import configure_logs
from collab.server import run_server
from collab.standing import WebhookUnusable
from collab.storage import StoreUnusable
from collab.web import Site

_log = logging.getLogger("collab.serve")

_CODES: Final[tuple[tuple[type[Exception], ExitCode], ...]] = (
    (StoreUnusable, ExitCode.STORE),
    (KeyUnusable, ExitCode.STORE),
    (MasterKeysUnusable, ExitCode.STORE),
    (AddressUnusable, ExitCode.ADDRESS),
    (KindUnusable, ExitCode.SETTINGS),
    (WebhookUnusable, ExitCode.SETTINGS),
    (JournalBroken, ExitCode.DISK),
)


def serve(*, flags: SettingFlags | None = None, config: ConfigFile = None) -> None:
    """Run a server until SIGTERM or Ctrl-C, then drain and exit with 0.

    Prints "listening on http://HOST:PORT" when it takes connections. A second signal ends it at
    once. Settings come from flags, COLLAB_* variables and a TOML file; see "collab config".
    """
    loaded = load(flags, config)
    configure_logs(loaded.config.log_level, loaded.config.log_format)
    for warning in loaded.warnings:
        warn(warning)
    for warning in _exposures(loaded.config):
        warn(warning)
    run_until_signalled(loaded.config, on_ready=_announce)


def _exposures(config: Config) -> Iterator[str]:
    """Yield what others could see or do, as it is going to be served."""
    if config.dev:
        yield "--dev: whoever can reach this port can be anybody; never use it with real people"
    if config.tls_cert is None and not is_loopback(config.host):
        yield (
            f"no TLS on {config.host}: tokens and messages travel in clear; "
            "use --tls-cert and --tls-key, or a proxy in front that encrypts"
        )
    if not is_loopback(config.host):
        yield f"/metrics on {config.host} is open to whoever can reach this port"


def run_until_signalled(config: Config, *, on_ready: Callable[[str], None]) -> None:
    """Run a server in this process until a signal ends it.

    Raises:
      CommandFailed: with the code for what went wrong, and the line, unless the log has told it.
      Exception: a bug of ours, before the server was ready.
    """
    _allow_files()
    is_serving = False

    def on_serving(url: str) -> None:
        nonlocal is_serving
        is_serving = True
        on_ready(url)

    try:
        trio.run(_run, config, on_serving)
    except Exception as error:
        failure = failure_of(error)
        raise (told_by_the_log(failure) if is_serving else failure) from error


def failure_of(error: BaseException) -> BaseException:
    """Return the ``CommandFailed`` that *error* amounts to; *error* itself if it is a bug."""
    for leaf in leaves(error):
        for kind, code in _CODES:
            if isinstance(leaf, kind):
                return CommandFailed(code, _line(leaf))
    return error


def told_by_the_log(failure: BaseException) -> CommandFailed:
    """Tell in the log, once, what ended a server that had served; nobody watches its terminal."""
    if isinstance(failure, CommandFailed):
        _log.critical("%s", failure.line)
        return CommandFailed(failure.code)
    # Not as a traceback: what a bug says may quote a message.
    _log.critical("a fault of ours ended the server", exc_info=failure)
    return CommandFailed(ExitCode.FAILED)


async def _run(config: Config, on_ready: Callable[[str], None]) -> None:
    async with stop_on_signals() as stop, trio.open_nursery() as nursery:

        def announce(url: str) -> None:
            tune()
            nursery.start_soon(collect_for_ever)
            on_ready(url)

        await run_server(config, stop=stop, on_ready=announce, site=_site(config))
        nursery.cancel_scope.cancel()


def _site(config: Config) -> Site:
    """Return the page. At a terminal somebody will look at it, so its build starts at once."""
    is_watched = sys.stderr.isatty()
    site = Site(is_dev=config.dev, guests=config.guests, say=_tell if is_watched else None)
    if is_watched:
        site.want()
    return site


def _tell(step: str) -> None:
    print(step, file=sys.stderr, flush=True)


def _announce(url: str) -> None:
    print(f"listening on {url}", flush=True)


def _allow_files() -> None:
    """Raise the soft limit of open files to the hard one: each connection is a file."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _line(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, JournalBroken):
        text = f"the disk failed: {error.detail}; what was acknowledged is safe, start again"
    return " ".join(text.split())
