"""``python -m tests.crash --kills 500 [--seed N]``: see ``tests.crash.kills``."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

import trio

from tests.crash.kills import KILLS_PER_SERIES, READY_S_MAX, Tally, run_series


def main() -> int:
    """Kill as the command line says; return 1 if a start took too long."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash")
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tally, started = Tally(), time.monotonic()
    seed = options.seed
    while tally.count < options.kills:
        kills = min(KILLS_PER_SERIES, options.kills - tally.count)
        with tempfile.TemporaryDirectory(prefix="kills-") as directory:
            try:
                trio.run(run_series, Path(directory) / "d", random.Random(seed), kills, tally)
            except BaseException:
                print(f"failed: --seed {seed} --kills {kills}", file=sys.stderr)
                raise
        seed += 1
        print(f"{tally.count} kills, {time.monotonic() - started:.0f} s", flush=True)
    ready, cpu = sorted(tally.ready_s), sorted(tally.ready_cpu_s)
    print(
        f"{tally.count} kills {tally.kills} in {time.monotonic() - started:.0f} s;"
        f" {tally.acknowledged} acknowledged, none lost; {tally.retried} sent again, none doubled;"
        f" {tally.rows_checked} rows checked\nready again: median {ready[len(ready) // 2]:.2f} s,"
        f" p99 {ready[int(len(ready) * 0.99)]:.2f} s, worst {ready[-1]:.2f} s; of its own time:"
        f" median {cpu[len(cpu) // 2]:.2f} s, worst {cpu[-1]:.2f} s"
    )
    return 0 if ready[-1] < READY_S_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
