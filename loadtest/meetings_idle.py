"""``meetings-idle``: what a meeting costs that is in memory and nobody is in, and one at rest.

Meetings are opened in rounds, each with new ones, and left until they have gone to rest. An
allocator keeps what it was given once; so what rest costs is how much a further round adds.
"""

import secrets
from typing import Annotated, Any, Final

import trio
from attrs import frozen
from cyclopts import Parameter

from loadtest.driving import Driven, drive
from loadtest.meetings import server_plots
from loadtest.metrics import metrics
from loadtest.options import OpenOptions
from loadtest.outcome import Outcome
from loadtest.progress import telling
from loadtest.serving import Target, serving

JOB: Final = "loadtest.standing:meetings"
USERS: Final = 100
IDLE_KB_MAX: Final = 20.0  # S4
ACTIVE: Final = "collab_actors_active"
POLL_S: Final = 0.5


@Parameter(name="*")
@frozen(kw_only=True)
class MeetingsIdleOptions(OpenOptions):
    """How many, how often."""

    count: Annotated[int, Parameter(show=False, parse=False)] = 10_000
    rounds: Annotated[int, Parameter(help="At least two.")] = 3
    idle_timeout_s: Annotated[float, Parameter(help="After which they go to rest.")] = 20.0
    rest_within_s: Annotated[float, Parameter(help="Longest wait for the last one.")] = 120.0


async def meetings_idle(options: MeetingsIdleOptions) -> Outcome:
    """Run the scenario, with one generator, on a server of our own.

    Raises: GeneratorFailed, ServerDidNotStart.
    """
    plan = {
        "run": f"rest-{secrets.token_hex(4)}",
        "users": USERS,
        "meetings": max(1, options.count // USERS),
        "rounds": max(2, options.rounds),
    }
    arguments = ("--idle-timeout-s", str(options.idle_timeout_s))
    async with serving(options, *arguments) as target:
        with telling(options) as say:
            resting = _Resting(target, options)

            async def on_phase(name: str) -> None:
                say(f"{name}, {await resting.active():.0f} actors in memory")
                if name.startswith(("passivated", "warm")):
                    await resting.wait()

            driven = await drive(
                JOB, [plan], target.endpoint, watch=target.watch, on_phase=on_phase
            )
    refused = {code: n for result in driven.results for code, n in result["refused"].items()}
    figures: dict[str, Any] = {"refused": refused, "left_in_memory": resting.left}
    targets: dict[str, bool] = {}
    if target.watch is not None:
        figures |= _figures(driven, plan)
        targets["S4 idle meeting <= 20 kB"] = figures["kb_per_idle_meeting"] <= IDLE_KB_MAX
    return Outcome(
        scenario="meetings-idle",
        options=options,
        figures=figures,
        checks={"nothing_refused": not refused, "all_went_to_rest": resting.left == 0},
        targets=targets,
        plots=server_plots(driven, target.watch),
    )


class _Resting:
    """Waits until no actor is in memory; says how many stayed."""

    def __init__(self, target: Target, options: MeetingsIdleOptions) -> None:
        self.left = 0
        self._url = target.url
        self._token = options.token.format(user="watch")
        self._within_s = options.rest_within_s

    async def active(self) -> float:
        return (await metrics(self._url, token=self._token))[ACTIVE]

    async def wait(self) -> None:
        with trio.move_on_after(self._within_s):
            while await self.active():  # noqa: ASYNC110 -- another process tells nobody
                await trio.sleep(POLL_S)
        self.left = int(await self.active())


def _figures(driven: Driven, plan: dict[str, Any]) -> dict[str, Any]:
    """Return kB for each meeting: in the first round of what is in memory, then of what rests."""
    count = plan["users"] * plan["meetings"]
    rests = [driven.phases[f"passivated {n}"].rss_kb for n in range(plan["rounds"])]
    warm, opened = driven.phases["warm"], driven.phases["opened 0"]
    return {
        "meetings": count,
        "kb_per_idle_meeting": round((opened.rss_kb - warm.rss_kb) / count, 2),
        "kb_per_passivated_meeting": round((rests[-1] - rests[0]) / (len(rests) - 1) / count, 2),
        "rss_mb_after_each_round": [round(rss_kb / 1024, 1) for rss_kb in rests],
        "cpu_us_to_open": round((opened.cpu_s - warm.cpu_s) / count * 1e6, 1),
    }
