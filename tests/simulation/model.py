"""``python -m tests.simulation.model --sequences 50000``: random commands against the reference.

No faults but restarts: each history is cut into parts, and the app is opened anew for each, in half
of them without the snapshots that it left. After every command the answer and the length of the
history must be the model's; followers, who come and go at random, must be shown exactly what the
model says.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from random import Random
from typing import Final

import trio
from attrs import evolve
from trio.testing import MockClock

from actors import Snapshot
from collab.app import AppSettings, open_app
from collab.kinds import BUILT_IN
from collab.storage import MemoryStore
from tests.simulation.script import Knobs
from tests.simulation.sequence import Mismatch, new_sequence
from tests.simulation.tuning import tuned
from tests.simulation.world import innermost

BATCH_LEN: Final = 20  # Sequences that share an app.
COMMANDS_MEAN: Final = 30
PARTS: Final = 3  # Lives of the app.


class NoSnapshots(MemoryStore):
    """A store that loses every snapshot, as a crash may."""

    async def save_snapshot(self, actor_id: str, snapshot: Snapshot) -> None:  # noqa: ARG002
        await trio.lowlevel.checkpoint()


async def run_batch(seed: int) -> int:
    """Run ``BATCH_LEN`` sequences; return how many commands they had.

    Raises:
      Mismatch: with what the sequence did so far.
    """
    rng = Random(f"model {seed}")
    store = rng.choice((MemoryStore, NoSnapshots))(epoch="e1")
    sequences = [new_sequence(seed, n) for n in range(BATCH_LEN)]
    commands = 0
    now_ms = [1_800_000_000_000]
    # Nothing happens by itself: the model knows what commands do, and no alarms.
    kinds = [evolve(kind, wakes_at=None) for kind in BUILT_IN]
    settings = AppSettings(
        kinds=kinds, store=store, clock_ms=lambda: now_ms[0], rng=rng, idle_timeout_s=5.0
    )
    for part in range(PARTS):
        async with open_app(None, settings) as app:
            for sequence in sequences:
                try:
                    for _ in range(sequence.rng.randrange(2 * COMMANDS_MEAN // PARTS)):
                        now_ms[0] += 1
                        commands += 1
                        await sequence.step(app)
                    if part == PARTS - 1:
                        await sequence.conclude(app)
                    await trio.sleep(0.3)  # Batched topics are flushed; nothing else is under way.
                    await sequence.compare_watchers(app)
                except Mismatch as mismatch:
                    log = "\n  ".join(sequence.log)
                    raise Mismatch(f"seed {seed}, {sequence.target}: {mismatch}\n  {log}") from None
    return commands


def run_seed(seed: int) -> int:
    """Run one batch in virtual time, in odd ones with a snapshot every few events.

    Raises:
      Mismatch: what differed, and what had been done.
    """
    with tuned(Knobs(snapshot_every=5 if seed % 2 else 1_000, ring_len=8 if seed % 3 else 2_048)):
        try:
            return trio.run(run_batch, seed, clock=MockClock(autojump_threshold=0))
        except ExceptionGroup as group:
            error = innermost(group)
            if isinstance(error, Mismatch):
                raise error from None
            raise


def main() -> int:
    """Run what the command line asks for; return 1 at the first mismatch."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.model", description=__doc__)
    parser.add_argument("--sequences", type=int, default=1_000)
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    began_s = time.monotonic()
    commands = 0
    batches = -(-options.sequences // BATCH_LEN)
    for seed in range(options.first, options.first + batches):
        try:
            commands += run_seed(seed)
        except Mismatch as mismatch:
            print(f"{mismatch}\n  python -m tests.simulation.model --from {seed} --sequences 1")
            return 1
        done = seed - options.first + 1
        if done % 50 == 0:
            print(f"{done * BATCH_LEN} sequences", file=sys.stderr, flush=True)
    took_s = time.monotonic() - began_s
    figures = {
        "sequences": batches * BATCH_LEN,
        "commands": commands,
        "seconds": round(took_s, 1),
        "sequences_per_s": round(batches * BATCH_LEN / took_s, 1),
    }
    print(json.dumps(figures) if options.json else figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
