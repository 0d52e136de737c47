"""Plays rounds in a process of its own, which a finding may end (``python -m tests.fuzz.worker``).

Before a step is played it is written to the trace file, which starts anew with every round: if the
process dies, the trace says what it died of. After every round one JSON line goes to stdout.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import resource
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, Final

import pycrdt
import trio

from collab.notes import COMMANDS
from tests.fuzz.house import ACCEPTED, KNOWN, PANIC, House, StepClock
from tests.fuzz.rounds import Round, Step, golden_updates
from tests.fuzz.scale import Scale
from tests.fuzz.tally import SHOWN_BYTES_MAX, STALL_MS, Finding, Tally
from tests.fuzz.trace import Trace

_CHECKED_EVERY: Final = 150  # Updates, and at the end of a round.
_STEP_CPU_S: Final = 20  # Or check: one that takes so long hangs.
_ALLOWED_EVERY: Final = 32  # Updates, which take a fraction of that together.
_WARM_UPDATES: Final = 5_000  # After so many the memory of the process is compared with itself,
_WEIGHED_EVERY: Final = 1_000  # as often as that, between rounds.


class Player:
    """Plays rounds of one seed and counts."""

    def __init__(self, seed: int, trace: Path, *, with_commands: bool) -> None:
        self._seed = seed
        self._with_commands = with_commands
        self._trace = trace
        self._golden = golden_updates()
        self._clock = StepClock()
        self._scale = Scale()
        self._weighed_at = _WARM_UPDATES
        self._played = 0

    async def play(self, number: int) -> Tally:
        """Play round *number* and return its counts."""
        counts = await self._round(number)
        counts.slowest_gc_ms, self._clock.slowest_gc_ms = self._clock.slowest_gc_ms, 0.0
        self._played += counts.updates
        if self._played >= self._weighed_at:
            self._weighed_at = self._played + _WEIGHED_EVERY
            counts.rss_growth_mb = self._scale.growth_mb()
        return counts

    async def _round(self, number: int) -> Tally:
        house = House(self._clock)
        drawn = Round(Random(f"{self._seed}:{number}"), house, self._golden, self._with_commands)
        counts = Tally(documents=1)
        length, checked, allowed = drawn.length(), 0, 0
        with closing(Trace(self._trace)) as trace:
            while counts.updates < length:
                if counts.updates >= allowed:
                    allowed = counts.updates + _ALLOWED_EVERY
                    _allow_cpu(_STEP_CPU_S)
                for step in drawn.steps():
                    trace.plays(
                        step.who, step.update, step.command, is_everything=step.is_everything
                    )
                    outcome = await play_step(house, step)
                    trace.ended(outcome)
                    self._count(counts, number, step, outcome)
                    drawn.told(step, outcome)
                if counts.updates - checked >= _CHECKED_EVERY:
                    checked = counts.updates
                    self._check(counts, number, house)
                    loss = drawn.rng.choice((None, None, house.crash, house.restart))
                    if loss is not None and not counts.unequal:
                        counts.restarts += 1
                        trace.loses_memory(loss.__name__)
                        loss()
            self._check(counts, number, house)
        counts.fingerprint = trace.fingerprint
        return counts

    def _count(self, counts: Tally, number: int, step: Step, outcome: str) -> None:
        if step.command is not None:
            counts.commands[f"{type(step.command).__name__}: {outcome.split(':')[0]}"] += 1
        else:
            counts.updates += 1
            if outcome == ACCEPTED:
                counts.accepted += 1
            elif outcome == KNOWN:
                counts.known += 1
            elif not outcome.startswith(PANIC):
                counts.refused[outcome] += 1
        if outcome.startswith(PANIC):
            counts.panics += 1
            counts.findings.append(self._finding("panic", counts, number, outcome, step))
        took_ms, self._clock.slowest_ms = self._clock.slowest_ms, 0.0
        counts.slowest_ms = max(counts.slowest_ms, took_ms)
        if took_ms > STALL_MS:
            counts.stalls += 1
            detail = f"{took_ms:.0f} ms, {outcome}"
            counts.findings.append(self._finding("stall", counts, number, detail, step))

    def _check(self, counts: Tally, number: int, house: House) -> None:
        """Check what must hold at any moment."""
        _allow_cpu(_STEP_CPU_S)
        problems, is_contested = house.problems()
        counts.checkpoints += 1
        counts.contested += is_contested
        counts.unequal += len(problems)
        counts.findings += [
            self._finding("unequal", counts, number, problem) for problem in problems
        ]

    def _finding(
        self, kind: str, counts: Tally, number: int, detail: str, step: Step | None = None
    ) -> Finding:
        if step is None:
            step = Step("")
        return Finding(
            kind=kind,
            seed=self._seed,
            round=number,
            step=counts.updates,
            detail=detail[:400],
            who=step.who,
            size=len(step.update),
            update=step.update[:SHOWN_BYTES_MAX].hex() or repr(step.command),
        )


def _allow_cpu(more_s: int) -> None:
    """Have the system end this process (SIGXCPU) after so many seconds of CPU time from now.

    That ends a library that never comes back, too, and a busy machine adds nothing.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard_s = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + more_s, hard_s))


async def play_step(house: House, step: Step) -> str:
    """Play a step of any sort."""
    if step.command is None:
        return await house.play(step.who, step.update)
    if type(step.command) in COMMANDS:
        return await house.play_command(step.who, step.command)
    return await house.look_hard(step.who, step.command)


async def _main(arguments: Any) -> None:
    pycrdt.Doc()  # The first one of a process imports the event loop's backend: 30 ms, once.
    player = Player(arguments.seed, arguments.trace, with_commands=arguments.commands)
    number, left = arguments.first, arguments.updates
    while left > 0:
        counts = await player.play(number)
        left -= counts.updates
        line = json.dumps({"round": number, "counts": counts.to_plain()})
        print(line, flush=True)
        number += arguments.stride


def main() -> None:
    """Play rounds FIRST, FIRST + STRIDE, … until so many updates were played."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.worker", description=main.__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--stride", type=int, required=True)
    parser.add_argument("--updates", type=int, required=True)
    parser.add_argument("--trace", type=Path, required=True)
    parser.add_argument("--commands", action="store_true")
    logging.getLogger("collab.audit").setLevel(logging.CRITICAL)
    gc.freeze()
    trio.run(_main, parser.parse_args())


if __name__ == "__main__":
    main()
