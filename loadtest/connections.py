"""``connections``: what a connection costs that is only there, and one that follows a meeting."""

import secrets
from typing import Annotated, Any, Final

from attrs import frozen
from cyclopts import Parameter

from loadtest.driving import Driven, drive
from loadtest.meetings import server_plots
from loadtest.options import OpenOptions
from loadtest.outcome import Outcome
from loadtest.progress import telling
from loadtest.serving import serving

JOB: Final = "loadtest.standing:connections"
IDLE_KB_MAX: Final = 30.0  # S4


@Parameter(name="*")
@frozen(kw_only=True)
class ConnectionsOptions(OpenOptions):
    """How many, how long."""

    idle: Annotated[int, Parameter(help="Signed in, following nothing.")] = 5_000
    following: Annotated[int, Parameter(help="More of them, 100 in each meeting.")] = 1_000
    secs: Annotated[float, Parameter(help="How long they stay; two keepalives are 40 s.")] = 45.0


async def connections(options: ConnectionsOptions) -> Outcome:
    """Run the scenario, with one generator. Raises: GeneratorFailed, ServerDidNotStart."""
    plan = {
        "run": f"idle-{secrets.token_hex(4)}",
        "idle": options.idle,
        "following": options.following,
        "secs": options.secs,
    }
    total = str(options.idle + options.following + 1_000)
    limits = ("--connections-max", total, "--connections-per-address-max", total)
    async with serving(options, *limits) as target:
        with telling(options) as say:
            say(f"{options.idle + options.following} connections, then {options.secs:g} s of rest")
            driven = await drive(JOB, [plan], target.endpoint, watch=target.watch)
    figures: dict[str, Any] = {"connections_ended": int(driven.result("connections_ended"))}
    targets: dict[str, bool] = {}
    if target.watch is not None:
        figures |= _figures(driven, options)
        targets["S4 idle connection <= 30 kB"] = figures["kb_per_idle_connection"] <= IDLE_KB_MAX
    return Outcome(
        scenario="connections",
        options=options,
        figures=figures,
        checks={"no_connections_ended": driven.result("connections_ended") == 0},
        targets=targets,
        plots=server_plots(driven, target.watch),
    )


def _figures(driven: Driven, options: ConnectionsOptions) -> dict[str, float]:
    """Return what was added from phase to phase, for each connection that was added."""
    warm, connected, followed, rested = (
        driven.phases[name] for name in ("warm", "connected", "followed", "rested")
    )
    resting_s = max(rested.at - followed.at, 1e-9)
    count = options.idle + options.following
    return {
        "kb_per_idle_connection": round((connected.rss_kb - warm.rss_kb) / max(1, options.idle), 1),
        "kb_per_following_connection": round(
            (followed.rss_kb - connected.rss_kb) / max(1, options.following), 1
        ),
        "cpu_us_to_open": round((followed.cpu_s - warm.cpu_s) / max(1, count) * 1e6, 1),
        "cpu_us_per_second_of_rest": round(
            (rested.cpu_s - followed.cpu_s) / resting_s / max(1, count) * 1e6, 2
        ),
        "cpu_percent_at_rest": round(100 * (rested.cpu_s - followed.cpu_s) / resting_s, 2),
        "rss_mb": round(rested.rss_kb / 1024, 1),
    }
