"""``degradation``: three times what the server can bear, then half of it.

First the sustainable load is found (or given): the highest rate of chunks at which delivery stays
below ``SUSTAINED_P95_MS``. Then it is offered for a while, three times as much after it, and half
at the end. Nothing that was acknowledged may be lost; what is refused ought to be refused with a
time to come back; memory must stay bounded; all must be well again soon after the load is gone.
"""

import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from attrs import frozen
from cyclopts import Parameter

from loadtest.driving import Driven, drive
from loadtest.options import OpenOptions
from loadtest.outcome import Line, Outcome, Plot
from loadtest.progress import Say, seconds_shown, telling
from loadtest.sampling import ServerWatch
from loadtest.serving import serving

JOB: Final = "loadtest.degradation_crowd:generate"
DELIVERED: Final = "chunk_delivered"
ACKNOWLEDGED: Final = "chunk_acknowledged"
SUSTAINED_P95_MS: Final = 150.0  # S1.
RECOVERY_S_MAX: Final = 5.0
MEMORY_GROWTH_MB_MAX: Final = 256.0  # Beyond what the server held under the sustainable load.
PROBE_FIRST_PER_S: Final = 500.0
PROBE_STEP: Final = 1.4
PROBE_SECS: Final = 4
PROBES_MAX: Final = 14  # 500 a second times 1.4 ** 13: 40,000.
OVERLOAD: Final = 3.0
AFTERWARDS: Final = 0.5
FAULTS: Final = ("lost", "duplicated", "reordered", "invented", "gaps")


@Parameter(name="*")
@frozen(kw_only=True)
class DegradationOptions(OpenOptions):
    """How much is too much, and for how long."""

    sustainable: Annotated[
        float | None, Parameter(help="Chunks a second in all; found by probing if not given.")
    ] = None
    meetings: Annotated[int, Parameter(help="That the chunks are spread over.")] = 100
    followers: Annotated[int, Parameter(help="Of each meeting.")] = 3
    steady_secs: Annotated[int, Parameter(help="Under the sustainable load.")] = 10
    overload_secs: Annotated[int, Parameter(help="Under three times as much.")] = 15
    after_secs: Annotated[int, Parameter(help="Under half of it.")] = 15
    drain_secs: Annotated[float, Parameter(help="For answers that are missing at the end.")] = 30.0

    @property
    def overload_at_s(self) -> int:
        """When it becomes too much, from the start."""
        return self.steady_secs

    @property
    def relief_at_s(self) -> int:
        """When it is over."""
        return self.steady_secs + self.overload_secs


async def degradation(options: DegradationOptions) -> Outcome:
    """Run the scenario.

    Raises:
      GeneratorFailed, ServerDidNotStart: see ``drive`` and ``serving``.
      ValueError: not even the first probe was sustained.
    """
    async with serving(options) as target:
        with telling(options) as say:

            async def probe(per_s: float) -> Driven:
                return await drive(JOB, plans(options, ((per_s, PROBE_SECS),)), target.endpoint)

            per_s = options.sustainable or await find_sustainable(probe, say)
            phases = (
                (per_s, options.steady_secs),
                (OVERLOAD * per_s, options.overload_secs),
                (AFTERWARDS * per_s, options.after_secs),
            )
            whole_s = float(options.relief_at_s + options.after_secs)
            show = seconds_shown(say, whole_s, (DELIVERED,), target.watch)
            driven = await drive(
                JOB, plans(options, phases), target.endpoint, watch=target.watch, show=show
            )
    return _outcome(options, per_s, driven, target.watch)


async def find_sustainable(probe: Callable[[float], Awaitable[Driven]], say: Say) -> float:
    """Return the highest rate that *probe* sustained; each is higher than the one before.

    Raises:
      ValueError: not even the first was.
    """
    best = 0.0
    per_s = PROBE_FIRST_PER_S
    for _ in range(PROBES_MAX):
        say(f"probing {per_s:.0f} chunks/s")
        if not is_sustained(await probe(per_s)):
            break
        best, per_s = per_s, per_s * PROBE_STEP
    if not best:
        raise ValueError(f"not even {PROBE_FIRST_PER_S:.0f} chunks a second were sustained")
    return best


def is_sustained(driven: Driven) -> bool:
    """Say whether a probe was answered and delivered in time; its first second does not count."""
    delivered = driven.histogram(DELIVERED, since_s=1)
    phase = _phases(driven)[0]
    return phase["acknowledged"] == phase["offered"] and (
        delivered.total > 0 and delivered.at_share(0.95) < SUSTAINED_P95_MS
    )


def plans(
    options: DegradationOptions, phases: tuple[tuple[float, float], ...]
) -> list[dict[str, Any]]:
    """Deal the meetings out to the generators. Rates of *phases* are those of all together."""
    run = f"degradation-{secrets.token_hex(4)}"
    return [
        {
            "run": run,
            "seed": options.seed,
            "rooms": list(range(number, options.meetings, options.generators)),
            "followers": options.followers,
            "phases": [(per_s / options.meetings, secs) for per_s, secs in phases],
            "drain_s": options.drain_secs,
        }
        for number in range(options.generators)
    ]


def recovery_s(driven: Driven, relief_at_s: int) -> float | None:
    """Return how long after the relief deliveries were in time again for good; None: never."""
    late_until = relief_at_s
    seconds = [second for second in driven.histograms[DELIVERED] if second >= relief_at_s]
    for second in seconds:
        if driven.histograms[DELIVERED][second].at_share(0.95) >= SUSTAINED_P95_MS:
            late_until = max(late_until, second + 1)
    return None if not seconds or late_until > max(seconds) else float(late_until - relief_at_s)


def _phases(driven: Driven) -> list[Counter[str]]:
    summed = [Counter[str]() for _ in driven.results[0]["phases"]]
    for result in driven.results:
        for whole, part in zip(summed, result["phases"], strict=True):
            whole.update(part)
    return summed


def _outcome(
    options: DegradationOptions, per_s: float, driven: Driven, watch: ServerWatch | None
) -> Outcome:
    phases = dict(zip(("steady", "overload", "after"), _phases(driven), strict=True))
    refusals: Counter[str] = Counter()
    for result in driven.results:
        refusals.update(result["refusals"])
    recovered = recovery_s(driven, options.relief_at_s)
    bounds = {
        "steady": (1, options.overload_at_s),
        "overload": (options.overload_at_s, options.relief_at_s),
        "after": (options.relief_at_s, None),
    }
    latencies = {
        f"{sort}_{name}_ms": driven.histogram(
            f"chunk_{sort}", since_s=since, until_s=until
        ).summary_ms()
        for name, (since, until) in bounds.items()
        for sort in ("acknowledged", "delivered")
    }
    growth = _growth_mb(options, driven, watch)
    figures: dict[str, Any] = {
        "sustainable_chunks_per_s": round(per_s),
        **{name: dict(counts) for name, counts in phases.items()},
        "answered_per_s_in_overload": round(
            driven.histogram(
                ACKNOWLEDGED, since_s=options.overload_at_s, until_s=options.relief_at_s
            ).total
            / options.overload_secs
        ),
        **latencies,
        "refusals": dict(refusals),
        "refusals_without_time": int(driven.result("refusals_without_time")),
        "recovery_s": recovered,
        "memory_growth_mb": growth,
        "late_ms": driven.histogram("late").summary_ms(),
        "generators_rss_mb": [round(one["rss_kb"] / 1024) for one in driven.processes],
        **{name: int(driven.result(name)) for name in (*FAULTS, "connections_ended")},
    }
    if watch is not None:
        figures["server"] = driven.usage(watch).figures()
    return Outcome(
        scenario="degradation",
        options=options,
        figures=figures,
        checks={
            "nothing_acknowledged_lost": all(driven.result(name) == 0 for name in FAULTS),
            "everything_answered": all(counts["unanswered"] == 0 for counts in phases.values()),
            "nobody_cut_off": driven.result("connections_ended") == 0,
        },
        targets={
            "refused_as_overloaded_only": set(refusals) == {"overloaded"},
            "refusals_say_when": driven.result("refusals_without_time") == 0,
            "recovered_within_5_s": recovered is not None and recovered <= RECOVERY_S_MAX,
            "memory_bounded": growth is not None and growth <= MEMORY_GROWTH_MB_MAX,
        },
        plots=_plots(driven, watch),
    )


def _growth_mb(
    options: DegradationOptions, driven: Driven, watch: ServerWatch | None
) -> float | None:
    """Return by how much memory exceeded that of the steady phase at its end."""
    if watch is None:
        return None
    at_s = [(one.at - driven.started_at, one.rss_kb / 1024) for one in watch.samples]
    steady = [mb for second, mb in at_s if second <= options.overload_at_s]
    later = [mb for second, mb in at_s if second > options.overload_at_s]
    return round(max(later) - steady[-1], 1) if steady and later else None


def _plots(driven: Driven, watch: ServerWatch | None) -> list[Plot]:
    def over_time(name: str) -> list[Line]:
        shares = (("p50", 0.5), ("p95", 0.95), ("max", 1.0))
        return [Line(label, driven.percentiles(name, share)) for label, share in shares]

    acknowledged = [
        (second + 1.0, float(histogram.total))
        for second, histogram in sorted(driven.histograms[ACKNOWLEDGED].items())
    ]
    work = [Line("acknowledged", acknowledged), Line("refused", driven.rates("chunk_refused"))]
    plots = [
        Plot("Chunks answered", "per s", work),
        Plot("Chunk delivered", "ms", over_time(DELIVERED), target=SUSTAINED_P95_MS),
        Plot("Chunk acknowledged", "ms", over_time(ACKNOWLEDGED)),
    ]
    if watch is not None:
        series = watch.series(driven.started_at)
        plots += [
            Plot("Server: CPU", "%", [Line("CPU", series["cpu_percent"])]),
            Plot("Server: memory", "MB", [Line("resident", series["memory_mb"])]),
        ]
    return plots
