"""``soak``: meetings at moderate load for long: memory and latency must stay flat."""

from typing import Annotated, Any, Final

from attrs import evolve, frozen
from cyclopts import Parameter

from loadtest.driving import Driven
from loadtest.meetings import MeetingsOptions, outcome_of, run
from loadtest.outcome import Outcome
from loadtest.sampling import ServerWatch, slope_per_hour

SETTLED: Final = 0.5  # The share of the time after which nothing should grow any more.
MEMORY_GROWTH_MAX: Final = 0.05  # Of itself, in the rest of the time.
LATENCY_GROWTH_MAX_MS: Final = 20.0  # Of the p95, in the rest of the time.


@Parameter(name="*")
@frozen(kw_only=True)
class SoakOptions(MeetingsOptions):
    """As of ``meetings``, for minutes."""

    mins: Annotated[float, Parameter(help="How long; instead of secs.")] = 30.0


async def soak(options: SoakOptions) -> Outcome:
    """Run the scenario. Raises: GeneratorFailed, ServerDidNotStart."""
    timed = evolve(options, secs=60 * options.mins)
    measured = await run(timed)
    outcome = outcome_of("soak", timed, measured)
    figures, targets = flatness(measured.driven, measured.watch, timed.secs)
    return evolve(
        outcome,
        figures={**outcome.figures, "flatness": figures},
        targets={**outcome.targets, **targets},
    )


def flatness(
    driven: Driven, watch: ServerWatch | None, secs: float
) -> tuple[dict[str, Any], dict[str, bool]]:
    """Return slopes of the second half, and whether they are flat."""
    since, rest_h = SETTLED * secs, (1 - SETTLED) * secs / 3600
    p95 = driven.percentiles("chunk_delivered", 0.95)
    latency = slope_per_hour([(at, ms) for at, ms in p95 if since <= at <= secs])
    figures: dict[str, Any] = {"p95_ms_per_hour": round(latency, 2)}
    targets = {"latency is flat": latency * rest_h <= LATENCY_GROWTH_MAX_MS}
    if watch is not None:
        points = [
            (at, mb)
            for at, mb in watch.series(driven.started_at)["memory_mb"]
            if since <= at <= secs
        ]
        growth = slope_per_hour(points)
        figures["memory_mb_per_hour"] = round(growth, 2)
        figures["memory_mb"] = round(points[-1][1], 1) if points else 0.0
        targets["memory is flat"] = not points or (
            growth * rest_h <= MEMORY_GROWTH_MAX * points[0][1]
        )
    return figures, targets
