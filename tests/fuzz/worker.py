"""Plays rounds in a process of its own, which a finding may end (``python -m tests.fuzz.worker``).

Before a step is played it is written to the trace file, which starts anew with every round: if the
process dies, the trace says what it died of. After every round one JSON line goes to stdout.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
from pathlib import Path
from random import Random
from typing import Any

import trio

from collab.notes import COMMANDS
from tests.fuzz.house import ACCEPTED, KNOWN, PANIC, House, StepClock
from tests.fuzz.rounds import Round, Step, golden_updates
from tests.fuzz.tally import SHOWN_BYTES_MAX, STALL_MS, Finding, Tally

_CHECKED_EVERY = 150  # Updates, and at the end of a round.
_WARM_UPDATES = 5_000  # After so many the memory of the process is compared with itself.
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20


class Player:
    """Plays rounds of one seed and counts."""

    def __init__(self, seed: int, trace: Path, *, with_commands: bool) -> None:
        self._seed = seed
        self._with_commands = with_commands
        self._trace = trace
        self._golden = golden_updates()
        self._clock = StepClock()
        self._played = 0
        self._warm_mb: float | None = None

    async def play(self, number: int) -> Tally:
        """Play round *number* and return its counts."""
        house = House(self._clock)
        rng = Random(f"{self._seed}:{number}")
        drawn = Round(rng, house, self._golden, self._with_commands)
        counts = Tally(documents=1)
        length, checked = drawn.length(), 0
        with self._trace.open("w") as trace:
            while counts.updates < length:
                for step in drawn.steps():
                    trace.write(f"{step.who} {step.update.hex() or repr(step.command)}\n")
                    trace.flush()
                    outcome = await play_step(house, step)
                    self._count(counts, number, step, outcome)
                    drawn.told(step, outcome)
                if counts.updates - checked >= _CHECKED_EVERY:
                    checked = counts.updates
                    self._check(counts, number, house, drawn)
            self._check(counts, number, house, drawn)
        counts.slowest_gc_ms = self._clock.slowest_gc_ms
        self._played += counts.updates
        del house, drawn
        counts.rss_growth_mb = self._growth_mb()
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

    def _check(self, counts: Tally, number: int, house: House, drawn: Round) -> None:
        """Check what must hold at any moment; then, at times, crash or restart."""
        problems, is_contested = house.problems()
        counts.checkpoints += 1
        counts.contested += is_contested
        counts.unequal += len(problems)
        counts.findings += [
            self._finding("unequal", counts, number, problem) for problem in problems
        ]
        if drawn.rng.random() < 0.5 and not problems:
            counts.restarts += 1
            drawn.rng.choice((house.crash, house.restart))()

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

    def _growth_mb(self) -> float:
        """Return how much larger the process is than when it was warm."""
        if self._played < _WARM_UPDATES:
            return 0.0
        gc.collect()
        now_mb = int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_MB
        if self._warm_mb is None:
            self._warm_mb = now_mb
        return max(0.0, round(now_mb - self._warm_mb, 1))


async def play_step(house: House, step: Step) -> str:
    """Play a step of any sort."""
    if step.command is None:
        return await house.play(step.who, step.update)
    if type(step.command) in COMMANDS:
        return await house.play_command(step.who, step.command)
    return await house.look_hard(step.who, step.command)


async def _main(arguments: Any) -> None:
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
