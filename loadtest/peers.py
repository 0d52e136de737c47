"""``peers``: the same Yjs work on our server, Hocuspocus and y-websocket, alternating in one run.

Every round gives each server the same work, one server after the other, so that whatever else the
machine does hits all of them alike; figures are medians over the rounds, ratios those of medians.
A server process is fresh in every round and warmed up by the same work before it is measured.

CPU is the server process's user and system time over the measured window, drain included, for each
edit that reached another client. y-websocket also sends every edit back to its author; that
work is its own and not counted as delivered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Final

import trio
from attrs import asdict, field, frozen
from cyclopts import Parameter

from loadtest.options import OpenOptions
from loadtest.outcome import Line, Outcome, Plot
from loadtest.peers_crowd import Crowd, Run, Work
from loadtest.peers_servers import (
    FROM_NPM,
    HOCUSPOCUS,
    OURS,
    PEERS,
    Y_WEBSOCKET,
    default_folder,
    install,
    running_peer,
)
from loadtest.progress import telling
from loadtest.sampling import Sample, sample

CPU: Final = "cpu_us_per_delivery"
MEASURES: Final = (CPU, "p50_ms", "p99_ms", "rss_mb")
FAULTS: Final = ("lost", "duplicated", "reordered", "invented", "strangers")
# Of our CPU per delivered update to theirs, and of our p99.
CPU_RATIO_MAX: Final[Mapping[str, float]] = {HOCUSPOCUS: 0.7, Y_WEBSOCKET: 1.0}

Figures = dict[str, Any]


@Parameter(name="*")
@frozen(kw_only=True)
class PeersOptions(OpenOptions):
    """Which work, on whom, how often. A server address makes no sense here."""

    docs: Annotated[int, Parameter(help="Documents.")] = 200
    clients: Annotated[int, Parameter(help="Connections to each document.")] = 3
    rate: Annotated[float, Parameter(help="Edits a second of each client.")] = 5.0
    secs: Annotated[float, Parameter(help="Measured seconds of each round.")] = 8.0
    warm_up_secs: Annotated[float, Parameter(help="The same work, before it is measured.")] = 2.0
    rounds: Annotated[int, Parameter(help="How often each server has its turn.")] = 3
    peers: Annotated[tuple[str, ...], Parameter(help=f"Of {', '.join(PEERS)}.")] = (
        OURS,
        HOCUSPOCUS,
        Y_WEBSOCKET,
    )
    packages: Annotated[Path, Parameter(help="Folder for the npm packages of the peers.")] = field(
        factory=default_folder
    )

    def __attrs_post_init__(self) -> None:
        if unknown := set(self.peers) - set(PEERS):
            raise ValueError(f"no such peers: {sorted(unknown)}; there are {', '.join(PEERS)}")
        if self.clients < 2 or self.docs < 1 or self.rounds < 1 or self.rate <= 0:
            raise ValueError("a document needs two clients who write, and a run one round")


async def peers(options: PeersOptions) -> Outcome:
    """Run the comparison.

    Raises:
      PeersMissing: the packages are not there and cannot be installed.
      ServerLeft: a server refused a client or closed a connection.

    Cancelled: the server of the moment is killed once its generator has noticed, within seconds.
    """
    rounds: dict[str, list[Figures]] = {name: [] for name in options.peers}
    with telling(options) as say:
        if any(name in FROM_NPM for name in options.peers):
            say("fetching the peers")
            await install(options.packages)
        for number in range(options.rounds):
            for name in options.peers:
                say(f"round {number + 1} of {options.rounds}: {name}")
                rounds[name].append(await _measure(options, name, number))
    middle = {name: _medians(taken) for name, taken in rounds.items()}
    ratios = {
        f"ratios_to_{name}": _ratios(middle[OURS], theirs)
        for name, theirs in middle.items()
        if OURS in middle and name != OURS
    }
    return Outcome(
        scenario="peers",
        options=options,
        figures={**middle, **ratios, "server_process": "fresh in every round, then warmed up"},
        checks={
            f"{name}_delivered_all_once": all(middle[name][fault] == 0 for fault in FAULTS)
            for name in options.peers
            if name.startswith(OURS)
        }
        # A server that is behind has spent CPU on what nobody has got yet.
        | {"comparable": all(one["lost"] == 0 for one in middle.values())},
        targets=_targets(ratios),
        plots=[
            Plot(
                f"{measure.replace('_', ' ')}, round by round",
                measure.split("_")[0 if measure == CPU else 1],
                [
                    Line(name, [(n + 1.0, taken[measure]) for n, taken in enumerate(of_peer)])
                    for name, of_peer in rounds.items()
                ],
            )
            for measure in MEASURES
        ],
    )


async def _measure(options: PeersOptions, name: str, number: int) -> Figures:
    work = Work(
        docs=options.docs,
        clients=options.clients,
        rate=options.rate,
        secs=options.secs,
        warm_up_s=options.warm_up_secs,
        seed=options.seed + number,
    )
    async with running_peer(name, options.packages) as server:
        crowd = Crowd(work, server.place, name=f"round{number}")
        begun: list[Sample] = []
        run = await trio.to_thread.run_sync(crowd.run, lambda: begun.append(sample(server.pid)))
        ended = sample(server.pid)
    return figures_of(run, begun[0], ended)


def figures_of(run: Run, begun: Sample, ended: Sample) -> Figures:
    """Return the figures of one round of one server."""
    faults = asdict(run.faults)
    del faults["gaps"]  # This protocol numbers no frames.
    return {
        CPU: round((ended.cpu_s - begun.cpu_s) * 1e6 / max(1, run.delivered), 2),
        "p50_ms": round(run.latency.at_share(0.5), 2),
        "p99_ms": round(run.latency.at_share(0.99), 2),
        "rss_mb": round(ended.rss_kb / 1024, 1),
        "sent": run.sent,
        "delivered": run.delivered,
        "echoes": run.echoes,
        **faults,
        "strangers": run.strangers,
        "generator_late_p99_ms": round(run.late.at_share(0.99), 2),
        "generator_core_share": round(run.generator_share, 2),
    }


def _medians(taken: Sequence[Figures]) -> Figures:
    middle = {name: round(median(one[name] for one in taken), 2) for name in MEASURES}
    summed = {
        name: sum(one[name] for one in taken) for name in ("sent", "delivered", "echoes", *FAULTS)
    }
    worst = {
        name: max(one[name] for one in taken)
        for name in ("generator_late_p99_ms", "generator_core_share")
    }
    return middle | summed | worst


def _ratios(ours: Figures, theirs: Figures) -> dict[str, float]:
    """Return ours divided by theirs; below 1 is better."""
    return {name: round(ours[name] / theirs[name], 3) for name in MEASURES if theirs[name]}


def _targets(ratios: Mapping[str, Mapping[str, float]]) -> dict[str, bool]:
    targets = {}
    for name, bound in CPU_RATIO_MAX.items():
        if (ratio := ratios.get(f"ratios_to_{name}")) is not None:
            targets[f"cpu_at_most_{bound}_of_{name}"] = ratio.get(CPU, 0.0) <= bound
            targets[f"p99_below_{name}"] = ratio.get("p99_ms", 0.0) < 1.0
    return targets
