"""``collab demo``: a server and a meeting in it, to look at."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import trio
from attrs import evolve
from cyclopts import Parameter

from collab.cli.connecting import client_unlogged, failures_told, wire_url
from collab.cli.exit_codes import CommandFailed, ExitCode
from collab.cli.sample_meeting import PEOPLE, SAMPLE, TITLE, Line
from collab.cli.serve import failure_of
from collab.cli.signals import stop_on_signals
from collab.config import Config
from collab.logs import configure_logs
from collab.server import run_server
from protocol.client import Client, Event, SnapshotItem, open_client

GUEST: Final = "guest"
_TOPICS: Final = ("participants", "transcript", "messages")
_LAST_WORDS_TIMEOUT_S: Final = 5.0
_SPEED_MAX: Final = 1000.0


def demo(
    *,
    port: Annotated[int, Parameter(help="Port; 0: any free one.")] = 0,
    speed: Annotated[float, Parameter(help="How many times faster than it was.")] = 1.0,
    data: Annotated[
        Path | None,
        Parameter(help="Keep the meeting in this directory.", show_default=False),
    ] = None,
) -> None:
    """Run a server, play a small meeting into it, and say where to look.

    Three people speak and write, each over a connection of their own; a fourth one watches, and
    what it sees is printed. Ends with the meeting, or with Ctrl-C.
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
            trio.run(_demo, config, speed)
        except Exception as error:
            raise failure_of(error) from error


async def _demo(config: Config, speed: float) -> None:
    # A meeting of its own for every run: the one before may be in the same directory.
    target = f"meeting:lighthouse-{secrets.token_hex(3)}"
    async with stop_on_signals() as stop, _server(config) as url, trio.open_nursery() as nursery:
        _say(f"listening on {url}")
        _say(f'"{TITLE}" is {target}. To watch it from another terminal:')
        _say(f"    collab follow {target} --url {url} --token dev:you")

        async def play_once() -> None:
            with client_unlogged(), failures_told():
                await _play(wire_url(url), target, speed)
            stop.set()

        nursery.start_soon(play_once)
        await stop.wait()
        nursery.cancel_scope.cancel()
    _say("the meeting is over, and so is the server")


@asynccontextmanager
async def _server(config: Config) -> AsyncIterator[str]:
    """Run a server around a block; yield its address."""
    stop, ready = trio.Event(), trio.Event()
    urls: list[str] = []

    def on_ready(url: str) -> None:
        urls.append(url)
        ready.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(run_server, config, stop=stop, on_ready=on_ready))
        await ready.wait()
        try:
            yield urls[0]
        finally:
            stop.set()


async def _play(url: str, target: str, speed: float) -> None:
    """Have everybody in, play the lines in their time, and wait until the guest has seen all."""
    async with AsyncExitStack() as stack:
        clients = {
            name: await stack.enter_async_context(open_client(url, token=f"dev:{name}"))
            for name in (*PEOPLE, GUEST)
        }
        for client in clients.values():  # One after the other: the first becomes the owner.
            await client.call(target, "meeting.get", idempotent_read=True)
        await clients[PEOPLE[0]].call(target, "meeting.update", {"title": TITLE})
        async with trio.open_nursery() as nursery:
            seen = trio.Event()
            started = trio.Event()
            nursery.start_soon(_watch, clients[GUEST], target, started, seen)
            await started.wait()
            start = trio.current_time()
            newest_post = 0
            for number, line in enumerate(SAMPLE):
                await trio.sleep_until(start + line.at_ms / 1000 / speed)
                client = clients[line.who]
                newest_post = await _perform(client, target, number, line, newest_post)
            with trio.move_on_after(_LAST_WORDS_TIMEOUT_S):
                await seen.wait()
            nursery.cancel_scope.cancel()


async def _perform(client: Client, target: str, number: int, line: Line, newest_post: int) -> int:
    """Do what *line* says; return the id of the newest message."""
    if line.deed == "post":
        posted = await client.call(target, "messages.post", {"text": line.text})
        return int(posted["id"])
    if line.deed == "react":
        await client.call(target, "messages.react", {"id": newest_post, "emoji": line.text})
        return newest_post
    words = line.text.split()
    # As a transcriber works: half of it is a guess, then the final text replaces it.
    for revision, text in enumerate((" ".join(words[: len(words) // 2]), line.text)):
        chunk = {
            "provider": "demo",
            "segment": f"line-{number}",
            "revision": revision,
            "speaker": line.who,
            "start_ms": line.at_ms,
            "end_ms": line.at_ms + 300 * len(words),
            "text": text,
            "language": "en",
            "is_final": revision == 1,
        }
        await client.call(target, "transcript.add", chunk)
    return newest_post


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
