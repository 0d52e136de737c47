"""``fanout``: one writer, many readers of one meeting's notes."""

import secrets
from typing import Annotated, Any, Final

from attrs import frozen
from cyclopts import Parameter

from loadtest.driving import Driven, drive
from loadtest.meetings import MUST_BE_ZERO, checks, generator_figures, latency_plot, server_plots
from loadtest.options import OpenOptions
from loadtest.outcome import Line, Outcome, Plot
from loadtest.progress import seconds_shown, telling
from loadtest.sampling import ServerWatch
from loadtest.serving import serving

JOB: Final = "loadtest.observers:generate"
DELIVERED_P99_MS: Final = 30.0
CPU_US_PER_DELIVERY: Final = 9.0
NAMES: Final = ("edit_delivered", "edit_acknowledged", "late")


@Parameter(name="*")
@frozen(kw_only=True)
class FanoutOptions(OpenOptions):
    """How many read, how much is written."""

    observers: Annotated[int, Parameter(help="Who follow the notes.")] = 1500
    edits_per_s: Annotated[float, Parameter(help="Of the one writer.")] = 10.0
    secs: Annotated[float, Parameter(help="How long.")] = 20.0
    drain_secs: Annotated[
        float, Parameter(help="Longest wait for what is on its way at the end.")
    ] = 15.0
    warm_secs: Annotated[int, Parameter(help="First seconds that no latency is taken from.")] = 2


def plans(options: FanoutOptions) -> list[dict[str, Any]]:
    """Deal the observers out; the first generator writes."""
    run = f"fanout-{secrets.token_hex(4)}"
    return [
        {
            "run": run,
            "observers": list(range(number, options.observers, options.generators)),
            "is_writing": number == 0,
            "edits_per_s": options.edits_per_s,
            "secs": options.secs,
            "drain_secs": options.drain_secs,
        }
        for number in range(options.generators)
    ]


async def fanout(options: FanoutOptions) -> Outcome:
    """Run the scenario. Raises: GeneratorFailed, ServerDidNotStart."""
    async with serving(options) as target:
        with telling(options) as say:
            show = seconds_shown(say, options.secs, NAMES[:2], target.watch)
            driven = await drive(
                JOB, plans(options), target.endpoint, watch=target.watch, show=show
            )
    histograms = {name: driven.histogram(name, since_s=options.warm_secs) for name in NAMES}
    targets = {
        f"delivered p99 < {DELIVERED_P99_MS:g} ms": histograms["edit_delivered"].at_share(0.99)
        < DELIVERED_P99_MS
    }
    figures: dict[str, Any] = {
        "sent": int(driven.result("sent")),
        "delivered": int(driven.result("delivered")),
        **{name: int(driven.result(name)) for name in MUST_BE_ZERO},
        **{f"{name}_ms": histogram.summary_ms() for name, histogram in histograms.items()},
        **generator_figures(driven),
    }
    if target.watch is not None:
        figures["server"] = used = _server(driven, target.watch)
        targets[f"server CPU per observer and edit <= {CPU_US_PER_DELIVERY:g} us"] = (
            used["cpu_us_per_delivery"] <= CPU_US_PER_DELIVERY
        )
    return Outcome(
        scenario="fanout",
        options=options,
        figures=figures,
        checks=checks(driven) | {"everything_delivered": _is_complete(driven, options)},
        targets=targets,
        plots=[
            latency_plot(driven, "edit_delivered", DELIVERED_P99_MS),
            latency_plot(driven, "edit_acknowledged"),
            Plot("delivered", "per second", [Line("edits", driven.totals("edit_delivered"))]),
            *server_plots(driven, target.watch),
        ],
    )


def _is_complete(driven: Driven, options: FanoutOptions) -> bool:
    return driven.result("delivered") == driven.result("sent") * options.observers


def _server(driven: Driven, watch: ServerWatch) -> dict[str, float]:
    usage = driven.usage(watch)
    per_delivery = usage.cpu_s / max(1.0, driven.result("delivered"))
    return usage.figures() | {"cpu_us_per_delivery": round(per_delivery * 1e6, 2)}
