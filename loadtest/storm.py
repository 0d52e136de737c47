"""``storm``: a server with thousands of followers is killed (``kill -9``) and started again.

Everybody comes back as fast as our client library would, and resumes after the last event that it
has. Writers write all the time, so there is something to miss. Nobody may miss it, or get it twice.
"""

import secrets
import time
from typing import Annotated, Any, Final

import trio
from attrs import define, frozen
from cyclopts import Parameter

from loadtest.driving import Driven, drive
from loadtest.histogram import Histogram
from loadtest.options import AUTO, OpenOptions
from loadtest.outcome import Line, Outcome, Plot
from loadtest.progress import seconds_shown, telling
from loadtest.serving import Target, serving
from protocol.limits import RECONNECT_DELAY_MAX_S

JOB: Final = "loadtest.storm_crowd:generate"
LIVE_S_MAX: Final = 5.0
DELIVERED: Final = "chunk_delivered"
FAULTS: Final = ("lost", "duplicated", "reordered", "invented", "gaps")


@Parameter(name="*")
@frozen(kw_only=True)
class StormOptions(OpenOptions):
    """How many, and when the server dies."""

    clients: Annotated[int, Parameter(help="Connections that follow.")] = 2_000
    meetings: Annotated[int, Parameter(help="That they are spread over; one writes in each.")] = 100
    chunks_per_s: Annotated[float, Parameter(help="Of each writer.")] = 1.0
    kill_after_secs: Annotated[int, Parameter(help="From the start.")] = 5
    down_secs: Annotated[float, Parameter(help="Between its death and its start.")] = 0.0
    reconnect_max_secs: Annotated[float, Parameter(help="Ceiling of the clients' waits.")] = (
        RECONNECT_DELAY_MAX_S
    )
    patience_secs: Annotated[float, Parameter(help="For all to be live again.")] = 60.0
    after_secs: Annotated[float, Parameter(help="That it goes on once all are live again.")] = 5.0
    drain_secs: Annotated[float, Parameter(help="For what is missing at its end.")] = 10.0

    def __attrs_post_init__(self) -> None:
        if self.server != AUTO:
            raise ValueError("a server is killed here: it must be one of our own")
        if not 0 < self.meetings <= self.clients:
            raise ValueError("every meeting needs a client")


@define
class Restart:
    """When what happened; ``perf_counter``."""

    killed_at: float = 0.0
    listening_at: float = 0.0
    watched_from: float = 0.0  # A moment after the first sample of the new process.


async def storm(options: StormOptions, *, job: str = JOB) -> Outcome:
    """Run the scenario; *job* is the generator's.

    Raises:
      GeneratorFailed, ServerDidNotStart: see ``drive`` and ``serving``.
    """
    restart = Restart()
    is_time = trio.Event()
    async with serving(options) as target:
        with telling(options) as say:
            whole_s = options.kill_after_secs + options.patience_secs
            tell = seconds_shown(say, whole_s, (DELIVERED,), target.watch)

            def show(driven: Driven, now_s: float) -> None:
                tell(driven, now_s)
                if now_s >= options.kill_after_secs:
                    is_time.set()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(_restart, options, target, is_time, restart)
                driven = await drive(
                    job, plans(options), target.endpoint, watch=target.watch, show=show
                )
                nursery.cancel_scope.cancel()
    return _outcome(options, driven, restart, target)


async def _restart(
    options: StormOptions, target: Target, is_time: trio.Event, restart: Restart
) -> None:
    assert target.process is not None
    assert target.watch is not None
    await is_time.wait()
    restart.killed_at = time.perf_counter()
    await target.process.kill()
    await trio.sleep(options.down_secs)
    await target.process.start()
    restart.listening_at = time.perf_counter()
    target.watch.pid = target.process.pid
    target.watch.look()
    restart.watched_from = time.perf_counter()
    await target.watch.run()


def plans(options: StormOptions) -> list[dict[str, Any]]:
    """Deal the meetings out to the generators."""
    run = f"storm-{secrets.token_hex(4)}"
    return [
        {
            "run": run,
            "seed": options.seed,
            "meetings": list(range(number, options.meetings, options.generators)),
            "followers": options.clients // options.meetings,
            "chunks_per_s": options.chunks_per_s,
            "reconnect_max_s": options.reconnect_max_secs,
            "patience_s": options.kill_after_secs + options.patience_secs,
            "after_s": options.after_secs,
            "drain_s": options.drain_secs,
        }
        for number in range(options.generators)
    ]


def _outcome(options: StormOptions, driven: Driven, restart: Restart, target: Target) -> Outcome:
    assert target.watch is not None
    counts = {
        name: int(driven.result(name))
        for name in ("followers", "resumes", "resets", "attempts", "sent", "unsent", "undecided")
    }
    live_at = sorted(at for result in driven.results for at in result["live_at"])
    back = Histogram()
    for at in live_at:
        back.record(at - restart.listening_at)
    all_live_s = live_at[-1] - restart.listening_at if live_at else 0.0
    after = target.watch.between(restart.watched_from, driven.ended_at).figures()
    figures = {
        **counts,
        "delivered": int(driven.result("delivered")),
        **{name: int(driven.result(name)) for name in FAULTS},
        "server_start_s": round(restart.listening_at - restart.killed_at - options.down_secs, 2),
        "all_live_after_start_s": round(all_live_s, 2),
        "all_live_after_kill_s": round(all_live_s + restart.listening_at - restart.killed_at, 2),
        "live_again_ms": back.summary_ms(),
        "ended_because": driven.results[0]["ended_because"],
        "late_ms": driven.histogram("late").summary_ms(),
        "server_after_restart": after,
    }
    everybody = counts["followers"]
    return Outcome(
        scenario="storm",
        options=options,
        figures=figures,
        checks={
            "all_live_again": len(live_at) == everybody,
            "all_resumed_by_cursor": counts["resumes"] >= everybody and counts["resets"] == 0,
            "no_gap_no_duplicate": all(driven.result(name) == 0 for name in FAULTS),
        },
        targets={
            "all_live_within_5_s": len(live_at) == everybody and all_live_s <= LIVE_S_MAX,
        },
        plots=_plots(driven, restart, live_at, target),
    )


def _plots(driven: Driven, restart: Restart, live_at: list[float], target: Target) -> list[Plot]:
    assert target.watch is not None
    rising = [
        (at - driven.started_at, float(number + 1))
        for number, at in enumerate(live_at)
        if number % max(1, len(live_at) // 200) == 0 or number == len(live_at) - 1
    ]
    down = (restart.killed_at - driven.started_at, 0.0)
    delivered = [
        Line(name, driven.percentiles(DELIVERED, share))
        for name, share in (("p50", 0.5), ("p95", 0.95), ("max", 1.0))
    ]
    memory = target.watch.series(driven.started_at)["memory_mb"]
    return [
        Plot("Clients live again after the restart", "clients", [Line("live", [down, *rising])]),
        Plot("Chunk delivered", "ms", delivered),
        Plot("Server: memory", "MB", [Line("resident", memory)]),
    ]
