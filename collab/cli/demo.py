"""``collab demo``: a server and a meeting in it, to look at."""

from __future__ import annotations

import secrets
import sys
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import trio
from attrs import evolve, frozen
from cyclopts import Parameter

from collab.cli.connecting import client_unlogged, failures_told, wire_url
from collab.cli.exit_codes import CommandFailed, ExitCode
from collab.cli.sample_bots import Bot, open_bots
from collab.cli.sample_meeting import SAMPLE, TITLE
from collab.cli.serve import failure_of
from collab.cli.signals import stop_on_signals
from collab.config import Config
from collab.logs import configure_logs
from collab.server import run_server
from collab.web import Site
from protocol.client import Client, Event, SnapshotItem, open_client

GUEST: Final = "guest"
_TOPICS: Final = ("participants", "transcript", "messages")
_LAST_WORDS_TIMEOUT_S: Final = 5.0
_SPEED_MAX: Final = 1000.0
_PAUSE_MS: Final = 6_000  # Between two rounds of those who stay.


def demo(
    *,
    port: Annotated[int, Parameter(help="Port; 0: any free one.")] = 0,
    speed: Annotated[float, Parameter(help="How many times faster than it was.")] = 1.0,
    data: Annotated[
        Path | None,
        Parameter(help="Keep the meeting in this directory.", show_default=False),
    ] = None,
    stay: Annotated[bool, Parameter(help="Go on talking until Ctrl-C.", negative="")] = False,
    open: Annotated[
        bool, Parameter(help="Open the meeting in a browser, and stay.", negative="")
    ] = False,
) -> None:
    """Run a server, play a small meeting into it, and say where to look.

    Three people speak, write and type, each over a connection of their own; a fourth one watches,
    and what it sees is printed. Ends with the meeting, or with Ctrl-C.
    """
    if not 0 < speed <= _SPEED_MAX:
        raise CommandFailed(ExitCode.USAGE, f"--speed is above 0 and at most {_SPEED_MAX:g}")
    configure_logs("warning", "text")
    try:
        config = Config(port=port, dev=True, log_level="warning")
    except ValueError as error:
        raise CommandFailed(ExitCode.USAGE, str(error.args[0])) from None
    with TemporaryDirectory(prefix="collab-demo-") as scratch:
        config = evolve(config, data=data or Path(scratch))
        try:
            trio.run(_demo, config, Staging(speed=speed, stays=stay or open, opens=open))
        except Exception as error:
            raise failure_of(error) from error


@frozen(kw_only=True)
class Staging:
    """How the meeting is played."""

    speed: float
    stays: bool
    opens: bool


async def _demo(config: Config, staging: Staging) -> None:
    # A meeting of its own for every run: the one before may be in the same directory.
    key = f"lighthouse-{secrets.token_hex(3)}"
    target = f"meeting:{key}"
    site = Site(is_dev=True, say=_say)
    if staging.stays or sys.stderr.isatty():
        site.want()  # Somebody will look.
    async with (
        stop_on_signals() as stop,
        _server(config, site) as url,
        trio.open_nursery() as nursery,
    ):
        _say(f"listening on {url}")
        _say(f'"{TITLE}" is {target}. To take part:')
        _say(f"    {url}/meeting/{key}")
        _say("To watch it from another terminal:")
        _say(f"    collab follow {target} --url {url} --token dev:you")
        if staging.opens:
            await trio.to_thread.run_sync(webbrowser.open, f"{url}/meeting/{key}")

        async def play_once() -> None:
            with client_unlogged(), failures_told():
                await _play(wire_url(url), target, staging)
            stop.set()

        nursery.start_soon(play_once)
        await stop.wait()
        nursery.cancel_scope.cancel()
    _say("the meeting is over, and so is the server")


@asynccontextmanager
async def _server(config: Config, site: Site) -> AsyncIterator[str]:
    """Run a server around a block; yield its address."""
    stop, ready = trio.Event(), trio.Event()
    urls: list[str] = []

    def on_ready(url: str) -> None:
        urls.append(url)
        ready.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(run_server, config, stop=stop, on_ready=on_ready, site=site))
        await ready.wait()
        try:
            yield urls[0]
        finally:
            stop.set()


async def _play(url: str, target: str, staging: Staging) -> None:
    """Have everybody in, play the lines in their time, and wait until the guest has seen all."""
    async with (
        open_bots(url, target, staging.speed) as bots,
        open_client(url, token=f"dev:{GUEST}") as guest,
        trio.open_nursery() as nursery,
    ):
        seen, started = trio.Event(), trio.Event()
        await guest.call(target, "meeting.get", idempotent_read=True)
        nursery.start_soon(_watch, guest, target, started, seen)
        await started.wait()
        await _play_round(bots, 0, staging.speed)
        with trio.move_on_after(_LAST_WORDS_TIMEOUT_S):
            await seen.wait()
        number = 0
        while staging.stays:
            number += 1
            await trio.sleep(_PAUSE_MS / 1000 / staging.speed)
            await _play_round(bots, number, staging.speed)
        nursery.cancel_scope.cancel()


async def _play_round(bots: dict[str, Bot], number: int, speed: float) -> None:
    """Play all lines in their time; typing goes on beside speaking, but only the first time."""
    start = trio.current_time()
    earlier_ms = number * (SAMPLE[-1].at_ms + _PAUSE_MS)
    newest_post = 0
    async with trio.open_nursery() as nursery:
        for place, line in enumerate(SAMPLE):
            await trio.sleep_until(start + line.at_ms / 1000 / speed)
            bot = bots[line.who]
            if line.deed == "say":
                await bot.say(f"line-{number}-{place}", earlier_ms + line.at_ms, line)
            elif line.deed == "post":
                newest_post = await bot.post(line.text)
            elif line.deed == "react":
                await bot.react(newest_post, line.text)
            elif number == 0:
                nursery.start_soon(bot.type, line.text)


async def _watch(guest: Client, target: str, started: trio.Event, seen: trio.Event) -> None:
    last = SAMPLE[-1].text
    async with guest.follow(target, _TOPICS) as follower:
        async for item in follower:
            if isinstance(item, SnapshotItem):
                started.set()
            elif isinstance(item, Event) and (text := _told(item)):
                _say(f"  {text}")
                if text.endswith(last):
                    seen.set()


def _told(event: Event) -> str | None:
    if event.type == "transcript.added" and event.data["is_final"]:
        return f"{event.data['speaker']} says: {event.data['text']}"
    if event.type == "message.posted":
        parts = [part["text"] for part in event.data["parts"] if "text" in part]
        return f"{event.by} writes: {' '.join(parts)}"
    if event.type == "message.reacted":
        return f"{event.by} reacts: {event.data['emoji']}"
    return None


def _say(text: str) -> None:
    print(text, flush=True)
