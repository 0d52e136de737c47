"""``meetings``: people in many meetings at once, each a connection of their own.

A transcriber in every meeting sends chunks (batched by the server); its participants follow
everything, edit the notes, post messages and look things up. S1 to S3 are told as targets.
"""

import secrets
from collections import Counter
from contextlib import suppress
from typing import Annotated, Any, Final

import trio
from attrs import frozen
from cyclopts import Parameter

from loadtest.driving import Driven, drive
from loadtest.durability import Said, lost_in_a_kill
from loadtest.metrics import commit_ms, metrics
from loadtest.options import OpenOptions
from loadtest.outcome import Line, Outcome, Plot
from loadtest.progress import seconds_shown, telling
from loadtest.sampling import ServerWatch
from loadtest.saying import CHUNK, EDIT, MESSAGE, QUERY
from loadtest.serving import serving

JOB: Final = "loadtest.rooms:generate"
DELIVERED: Final = tuple(f"{sort}_delivered" for sort in (CHUNK, EDIT, MESSAGE))
ACKNOWLEDGED: Final = tuple(f"{sort}_acknowledged" for sort in (CHUNK, EDIT, MESSAGE, QUERY))
P95: Final = 0.95
MUST_BE_ZERO: Final = (
    *("lost", "duplicated", "reordered", "invented", "gaps"),
    *("unanswered", "unsent", "connections_ended"),
)
# Of the service levels: histogram, share, ms.
TARGETS: Final = (
    ("S1 chunk delivered p95", "chunk_delivered", P95, 150.0),
    ("S2 query p95", "query_acknowledged", P95, 120.0),
    ("S2 query p99", "query_acknowledged", 0.99, 250.0),
    ("S3 edit delivered p95", "edit_delivered", P95, 25.0),
    ("S3 message delivered p95", "message_delivered", P95, 25.0),
    ("S3 edit acknowledged p95", "edit_acknowledged", P95, 25.0),
    ("S3 message acknowledged p95", "message_acknowledged", P95, 25.0),
)


@Parameter(name="*")
@frozen(kw_only=True)
class MeetingsOptions(OpenOptions):
    """How many, and how much each."""

    meetings: Annotated[int, Parameter(help="Meetings at once.")] = 100
    participants: Annotated[int, Parameter(help="In each, besides the transcriber.")] = 3
    chunks_per_s: Annotated[float, Parameter(help="Of each meeting's transcriber.")] = 10.0
    edits_per_s: Annotated[float, Parameter(help="Of each participant, in the notes.")] = 0.5
    messages_per_s: Annotated[float, Parameter(help="Of each participant.")] = 0.1
    queries_per_s: Annotated[float, Parameter(help="Of each participant.")] = 0.2
    secs: Annotated[float, Parameter(help="How long.")] = 20.0
    drain_secs: Annotated[
        float, Parameter(help="Longest wait for what is on its way at the end.")
    ] = 15.0
    verify: Annotated[
        int, Parameter(help="Meetings that are read back after kill -9, if the server is ours.")
    ] = 20
    warm_secs: Annotated[int, Parameter(help="First seconds that no latency is taken from.")] = 2


def plans(options: MeetingsOptions) -> list[dict[str, Any]]:
    """Deal the meetings out to the generators."""
    run = f"load-{secrets.token_hex(4)}"  # New ones, on a server that has seen a run before, too.
    return [
        {
            "run": run,
            "seed": options.seed,
            "rooms": list(range(number, options.meetings, options.generators)),
            "participants": options.participants,
            "secs": options.secs,
            "drain_secs": options.drain_secs,
            "tell_rooms": -(-options.verify // options.generators),
            "per_s": {
                CHUNK: options.chunks_per_s,
                EDIT: options.edits_per_s,
                MESSAGE: options.messages_per_s,
                QUERY: options.queries_per_s,
            },
        }
        for number in range(options.generators)
    ]


async def meetings(options: MeetingsOptions) -> Outcome:
    """Run the scenario.

    Raises:
      GeneratorFailed: see ``drive``.
      ServerDidNotStart: see ``serving``.
    """
    return outcome_of("meetings", options, await run(options))


@frozen
class Run:
    """What was measured."""

    driven: Driven
    watch: ServerWatch | None
    commits: dict[str, float] | None  # See ``commit_ms``; None: the server is not ours.
    durable: dict[str, int] | None  # See ``lost_in_a_kill``; None: the server is not ours.


async def run(options: MeetingsOptions) -> Run:
    """Put the load on; kill the server, if it is ours, and read back what it acknowledged."""
    durable = commits = None
    async with serving(options) as target:
        with telling(options) as say:
            show = seconds_shown(say, options.secs, DELIVERED, target.watch)
            driven = await drive(
                JOB, plans(options), target.endpoint, watch=target.watch, show=show
            )
            if target.process is not None:
                token = options.token.format(user="watch")
                with suppress(OSError, trio.TooSlowError, KeyError):  # A figure less.
                    commits = commit_ms(await metrics(target.url, token=token))
            said = [Said(**one) for result in driven.results for one in result["said"]]
            if target.process is not None and said:
                say(f"kill -9; reading {len(said)} meetings back")
                durable = await lost_in_a_kill(target, said)
    return Run(driven, target.watch, commits, durable)


def outcome_of(name: str, options: MeetingsOptions, run: Run) -> Outcome:
    """Return everything that there is to tell."""
    driven, held = run.driven, checks(run.driven)
    figures = {
        **work(driven, options),
        **latencies(driven, options.warm_secs),
        **generator_figures(driven),
    }
    if run.watch is not None:
        figures["server"] = server_figures(driven, run.watch)
    if run.commits is not None:
        figures["commit_ms"] = run.commits
    if run.durable is not None:
        figures["after_kill_9"] = run.durable
        held["everything_acknowledged_is_durable"] = run.durable["lost"] == 0
    return Outcome(
        scenario=name,
        options=options,
        figures=figures,
        checks=held,
        targets=targets(driven, options.warm_secs),
        plots=plots(driven, run.watch),
    )


def work(driven: Driven, options: MeetingsOptions) -> dict[str, Any]:
    """Return what was sent and what came of it."""
    sent: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for result in driven.results:
        sent.update(result["sent"])
        refused.update(result["refused"])
    return {
        "sent": dict(sent),
        "chunks_per_s": round(sent[CHUNK] / options.secs, 1),
        "delivered": int(driven.result("delivered")),
        "refused": dict(refused),
        **{name: int(driven.result(name)) for name in MUST_BE_ZERO},
    }


def generator_figures(driven: Driven) -> dict[str, Any]:
    """Return what the generators themselves used: near 100 % of a core they are the bottleneck."""
    wall_s = max(driven.ended_at - driven.started_at, 1e-9)
    return {
        "generators_cpu_percent": [
            round(100 * process["cpu_s"] / wall_s, 1) for process in driven.processes
        ],
        "generators_rss_mb": [round(process["rss_kb"] / 1024, 1) for process in driven.processes],
    }


def latencies(driven: Driven, warm_secs: int) -> dict[str, dict[str, float]]:
    """Return percentiles of everything that was measured, in ms, the generator's lateness too."""
    return {
        f"{name}_ms": histogram.summary_ms()
        for name in (*DELIVERED, *ACKNOWLEDGED, "late")
        if (histogram := driven.histogram(name, since_s=warm_secs)).total
    }


def checks(driven: Driven) -> dict[str, bool]:
    """Say what must hold on the slowest machine, too."""
    return {f"no_{name}": driven.result(name) == 0 for name in MUST_BE_ZERO} | {
        "nothing_refused": not any(result["refused"] for result in driven.results)
    }


def targets(driven: Driven, warm_secs: int) -> dict[str, bool]:
    """Say which service levels were met, of those that were measured."""
    return {
        f"{what} < {limit_ms:g} ms": histogram.at_share(share) < limit_ms
        for what, name, share, limit_ms in TARGETS
        if (histogram := driven.histogram(name, since_s=warm_secs)).total
    }


def server_figures(driven: Driven, watch: ServerWatch) -> dict[str, float]:
    """Return what the server used, in all and for each chunk."""
    usage = driven.usage(watch)
    sent = sum(result["sent"].get(CHUNK, 0) for result in driven.results)
    return usage.figures() | {
        "cpu_us_per_chunk": round(usage.cpu_s / max(1, sent) * 1e6, 1),
    }


def plots(driven: Driven, watch: ServerWatch | None) -> list[Plot]:
    """Return how it went over time."""
    limits = {name: limit_ms for _, name, share, limit_ms in TARGETS if share == P95}
    measured = [name for name in (*DELIVERED, *ACKNOWLEDGED) if name in driven.histograms]
    rates = [Line(name.replace("_", " "), driven.totals(name)) for name in measured]
    late = [
        Line("p99", driven.percentiles("late", 0.99)),
        Line("max", driven.percentiles("late", 1)),
    ]
    return [
        *(latency_plot(driven, name, limits.get(name)) for name in measured),
        Plot("throughput", "per second", rates),
        *server_plots(driven, watch),
        Plot("generator late", "ms", late),
    ]


def latency_plot(driven: Driven, name: str, target_ms: float | None = None) -> Plot:
    """Return percentiles of one histogram over time."""
    lines = [
        Line(told, driven.percentiles(name, share))
        for told, share in (("p50", 0.5), ("p95", P95), ("p99", 0.99))
    ]
    return Plot(name.replace("_", " "), "ms", lines, target_ms)


def server_plots(driven: Driven, watch: ServerWatch | None) -> list[Plot]:
    """Return CPU, memory and disk of the server over time."""
    if watch is None:
        return []
    series = watch.series(driven.started_at)
    return [
        Plot("server CPU", "% of one core", [Line("CPU", series["cpu_percent"])]),
        Plot("server memory", "MB resident", [Line("memory", series["memory_mb"])]),
        Plot("disk", "MB/s written", [Line("disk", series["disk_mb_per_s"])]),
    ]
