"""``python -m loadtest SCENARIO``: each scenario ends with one JSON line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import trio
from attrs import evolve
from cyclopts import App, Parameter

from loadtest.concluding import conclude
from loadtest.connections import ConnectionsOptions
from loadtest.connections import connections as run_connections
from loadtest.fanout import FanoutOptions
from loadtest.fanout import fanout as run_fanout
from loadtest.hard_moments import add_to
from loadtest.idle import IdleSettings
from loadtest.idle import idle as run_idle
from loadtest.meetings import MeetingsOptions
from loadtest.meetings import meetings as run_meetings
from loadtest.meetings_idle import MeetingsIdleOptions
from loadtest.meetings_idle import meetings_idle as run_meetings_idle
from loadtest.replay import ReplaySettings, is_clean
from loadtest.replay import replay as run_replay
from loadtest.soak import SoakOptions
from loadtest.soak import soak as run_soak
from loadtest.trace import TraceSettings, is_exact
from loadtest.trace import trace as run_trace

app = App(name="python -m loadtest", help="Load on a server, over real sockets.")


@app.command
def replay(
    *,
    meeting: Annotated[Path, Parameter(help="A transcript file (meeting_transcripts).")],
    speed: Annotated[float, Parameter(help="Times faster than spoken.")] = 50.0,
    clients: Annotated[int, Parameter(help="Connections that share the speakers.")] = 4,
    drop: Annotated[float, Parameter(help="Chance that a client is cut in each second.")] = 0.05,
    seed: Annotated[int, Parameter(help="Repeats the same cuts.")] = 0,
    turns: Annotated[int | None, Parameter(help="Play only so many turns.")] = None,
    url: Annotated[str | None, Parameter(help="ws://… of a running server.")] = None,
    token: Annotated[str, Parameter(help="A token, with {user} for the client's name.")] = (
        "dev:{user}"
    ),
) -> None:
    """Play a recorded meeting with disconnects and one kill -9; show that nothing is lost.

    Example: python -m loadtest replay --meeting ES2002a.json --speed 50 --clients 4 --drop 0.05
    """
    settings = ReplaySettings(
        file=meeting,
        speed=speed,
        clients=clients,
        drop=drop,
        seed=seed,
        turns_max=turns,
        url=url,
        token=token,
    )
    report = trio.run(run_replay, settings)
    print(json.dumps(report))
    sys.exit(0 if is_clean(report) else 1)


@app.command
def idle(
    *,
    writes: Annotated[int, Parameter(help="Messages, one after the other.")] = 500,
    connections: Annotated[int, Parameter(help="Idle connections.")] = 500,
    meetings: Annotated[int, Parameter(help="Meetings in memory.")] = 2_000,
) -> None:
    """Measure a server that has nothing to do: latency of a write, memory of who is there."""
    settings = IdleSettings(writes=writes, connections=connections, meetings=meetings)
    print(json.dumps(trio.run(run_idle, settings)))


@app.command
def trace(
    *,
    trace: Annotated[Path, Parameter(help="A recording (editing-traces), possibly gzipped.")],
    server: Annotated[str, Parameter(help="auto, or the address of a running server.")] = "auto",
    edits: Annotated[int | None, Parameter(help="Play only so many edits.")] = None,
    token: Annotated[str, Parameter(help="A token, with {user} for the writer's name.")] = (
        "dev:{user}"
    ),
) -> None:
    """Play recorded writing by several people; show that everybody ends with the same text.

    Each writer sees exactly what it had seen in the recording. A server of our own is killed with
    SIGKILL at the end, and asked again.

    Example: python -m loadtest trace --trace friendsforever.json.gz --server auto
    """
    settings = TraceSettings(file=trace, server=server, edits_max=edits, token=token)
    report = trio.run(run_trace, settings)
    print(json.dumps(report))
    sys.exit(0 if is_exact(report) else 1)


@app.command
def meetings(options: MeetingsOptions = MeetingsOptions()) -> None:  # noqa: B008 -- frozen
    """Many meetings at once: chunks, edits, messages and queries; every delivery is checked.

    Example: python -m loadtest meetings --meetings 1000 --secs 60 --report out
    """
    conclude(run_meetings, options)


@app.command
def fanout(options: FanoutOptions = FanoutOptions()) -> None:  # noqa: B008 -- frozen
    """One writer, many readers of one meeting's notes.

    Example: python -m loadtest fanout --observers 1500 --generators 2
    """
    conclude(run_fanout, options)


@app.command
def connections(options: ConnectionsOptions = ConnectionsOptions()) -> None:  # noqa: B008
    """Memory and CPU of connections that are only there.

    Example: python -m loadtest connections --idle 5000
    """
    conclude(run_connections, options)


@app.command
def meetings_idle(
    meetings: Annotated[int, Parameter(help="Opened in each round.")] = 10_000,
    *,
    options: MeetingsIdleOptions = MeetingsIdleOptions(),  # noqa: B008 -- frozen
) -> None:
    """Memory of meetings that nobody is in, and of those at rest.

    Example: python -m loadtest meetings-idle 10000
    """
    conclude(run_meetings_idle, evolve(options, count=meetings))


@app.command
def soak(options: SoakOptions = SoakOptions()) -> None:  # noqa: B008 -- frozen
    """Meetings for long: memory and latency must stay flat.

    Example: python -m loadtest soak --mins 30 --meetings 200
    """
    conclude(run_soak, options)


add_to(app)

if __name__ == "__main__":
    app()
