"""``python -m tests.simulation --seeds 1000``: many runs, and what came of them.

A failure prints its seed, the command that repeats it, and a smaller script that fails alike.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from multiprocessing import Pool
from pathlib import Path

from tests.simulation.script import Script, generate, read_script
from tests.simulation.shrink import shrink
from tests.simulation.world import Outcome, run_script

_PROGRESS_S = 10.0


def main() -> int:
    """Run what the command line asks for; return 1 if anything failed."""
    options = _options()
    if options.script is not None:
        return _run_one(read_script(options.script.read_text()), options)
    if options.seeds == 1:
        return _run_one(generate(options.first), options)
    seeds = range(options.first, options.first + options.seeds)
    began_s = time.monotonic()
    totals: Counter[str] = Counter()
    failed: list[int] = []
    virtual_s = 0.0
    next_s = began_s + _PROGRESS_S
    for done, (seed, outcome) in enumerate(_runs(seeds, options.workers), 1):
        totals.update(outcome.counts)
        virtual_s += outcome.virtual_s
        if outcome.faults:
            failed.append(seed)
            print(f"seed {seed} failed: {outcome.faults[0]}", file=sys.stderr, flush=True)
            print(f"  python -m tests.simulation --from {seed} --seeds 1", file=sys.stderr)
        if time.monotonic() >= next_s:
            next_s += _PROGRESS_S
            pace = done / (time.monotonic() - began_s)
            print(f"{done} seeds, {pace:.1f}/s, {len(failed)} failed", file=sys.stderr, flush=True)
    took_s = time.monotonic() - began_s
    figures = {
        "seeds": options.seeds,
        "from": options.first,
        "failed": failed,
        "seconds": round(took_s, 1),
        "seeds_per_s": round(options.seeds / took_s, 2),
        "virtual_hours": round(virtual_s / 3600, 2),
        **dict(sorted(totals.items())),
    }
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:20} {value}")
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many (default 100)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--script", type=Path, help="run one script from a file instead")
    parser.add_argument("--shrink", type=Path, help="write a smaller failing script to this file")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    return parser.parse_args()


def _runs(seeds: Iterable[int], workers: int) -> Iterator[tuple[int, Outcome]]:
    if workers == 1:
        yield from map(_run_seed, seeds)
        return
    with Pool(workers) as pool:
        yield from pool.imap(_run_seed, seeds, chunksize=4)


def _run_seed(seed: int) -> tuple[int, Outcome]:
    return seed, run_script(generate(seed))


def _run_one(script: Script, options: argparse.Namespace) -> int:
    outcome = run_script(script)
    for name, value in sorted(outcome.counts.items()):
        print(f"{name:20} {value}")
    print(f"{'steps':20} {len(script.steps)}")
    print(f"{'trace':20} {outcome.trace_hash}")
    for fault in outcome.faults:
        print(f"FAILED {fault}")
    if outcome.faults:
        smaller = shrink(script)
        print(f"smaller, {len(smaller.steps)} steps:\n{smaller.to_json()}")
        if options.shrink is not None:
            options.shrink.write_text(smaller.to_json())
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
