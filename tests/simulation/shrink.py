"""A smaller script that fails in the same way: delta debugging over its steps.

Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002): leave out
halves, then quarters, and so on, and keep whatever still fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import evolve

from tests.simulation.script import DEVICES, Script, Step
from tests.simulation.world import Outcome, run_script

RUNS_MAX = 400


def rule_of(outcome: Outcome) -> str | None:
    """Return which invariant was broken first; None: none was."""
    return outcome.faults[0].partition(":")[0] if outcome.faults else None


def shrink(script: Script, *, run: Callable[[Script], Outcome] = run_script) -> Script:
    """Return a script that breaks the same invariant with fewer devices, steps and waits.

    A script that passes is returned as it is. At most ``RUNS_MAX`` runs.
    """
    rule = rule_of(run(script))
    left = RUNS_MAX

    def fails(steps: Sequence[Step]) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and rule_of(run(evolve(script, steps=steps))) == rule

    if rule is None:
        return script
    steps = list(script.steps)
    for device in range(len(DEVICES)):
        others = [step for step in steps if step.device != device]
        if len(others) < len(steps) and fails(others):
            steps = others
    size = max(len(steps) // 2, 1)
    while True:
        at = 0
        while at < len(steps):
            fewer = steps[:at] + steps[at + size :]
            if fails(fewer):
                steps = fewer
            else:
                at += size
        if size == 1:
            break
        size = max(size // 2, 1)
    for n, step in enumerate(steps):
        at_once = [*steps[:n], evolve(step, gap_ms=0), *steps[n + 1 :]]
        if step.gap_ms and fails(at_once):
            steps = at_once
    return evolve(script, steps=steps)
