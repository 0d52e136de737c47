"""Throws a million bad updates at the notes: ``python -m tests.fuzz.notes --updates N --seed S``.

The documents live in worker processes, so that what ends one is a finding and not the end. With
``--json`` one line says what was counted; findings go to stderr with what is needed to see them
again, and the exit code is 1 if there is one. The same seed draws the same rounds, in whatever
number of processes.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs
import trio
from attrs import define, field

from tests.fuzz.tally import FINDINGS_MAX, SHOWN_BYTES_MAX, Finding, Tally

ROOT: Final = Path(__file__).parents[2]
_SILENCE_S: Final = 1_800.0  # Of a worker that waits for ever; one that works has a CPU limit.


def _nobody(_finding: Finding) -> None:
    pass


def _words_of(trace: Path) -> Path:
    """Return where a worker's errors go; the library prints panics there, which are counted."""
    return trace.with_suffix(".errors")


@define
class Run:
    """One run of the fuzz."""

    seed: int
    updates: int
    workers: int
    folder: Path
    first: int = 0  # Round.
    with_commands: bool = False
    worker: str = "tests.fuzz.worker"
    told: Callable[[Finding], object] = _nobody  # Hears of each finding as it is made.
    total: Tally = field(factory=Tally)

    async def play(self) -> None:
        """Play it all. Cancelled: the workers are killed."""
        share = -(-self.updates // self.workers)
        async with trio.open_nursery() as nursery:
            for number in range(self.workers):
                nursery.start_soon(self._share, self.first + number, share)

    async def _share(self, first: int, left: int) -> None:
        """Play rounds FIRST, FIRST + workers, …; go on behind a round that ended its process."""
        trace = self.folder / f"trace-{first}"
        while left > 0 and len(self.total.findings) < FINDINGS_MAX:
            ended, played, last = await self._one_process(first, left, trace)
            left -= max(played, 1)  # A worker that always dies must not go on for ever.
            if not ended:
                return
            dead_round = first if last is None else last + self.workers
            self._add(self._death(dead_round, ended, trace))
            first = dead_round + self.workers

    async def _one_process(self, first: int, left: int, trace: Path) -> tuple[str, int, int | None]:
        """Return how it ended ('' if well), how many updates were played, and the last round."""
        numbers = {"seed": self.seed, "first": first, "stride": self.workers, "updates": left}
        arguments = [f"--{name}={number}" for name, number in numbers.items()]
        arguments += ["--commands"] if self.with_commands else []
        with _words_of(trace).open("wb") as words:
            worker = await trio.lowlevel.open_process(
                [sys.executable, "-m", self.worker, *arguments, f"--trace={trace}"],
                stdout=subprocess.PIPE,
                stderr=words,
                cwd=ROOT,
            )
        assert worker.stdout is not None
        played, last, printed = 0, None, b""
        try:
            while True:
                with trio.move_on_after(_SILENCE_S) as patience:
                    part = await worker.stdout.receive_some()
                if patience.cancelled_caught:
                    return f"silent for {_SILENCE_S:.0f} s", played, last
                if not part:
                    break
                *lines, printed = (printed + part).split(b"\n")
                for line in lines:
                    told = json.loads(line)
                    counts = Tally.from_plain(told["counts"])
                    self._add(counts)
                    played, last = played + counts.updates, told["round"]
                if len(self.total.findings) >= FINDINGS_MAX:
                    return "", left, last  # That is enough.
            code = await worker.wait()
            return f"ended with {code}" if code else "", played, last
        finally:
            with trio.CancelScope(shield=True):
                worker.kill()
                await worker.wait()
                await worker.stdout.aclose()

    def _add(self, counts: Tally) -> None:
        known = len(self.total.findings)
        self.total.add(counts)
        for finding in self.total.findings[known:]:
            self.told(finding)

    def _death(self, number: int, how: str, trace: Path) -> Tally:
        """Count a process that ended; its last step is the last line of the trace, which stays."""
        kept = trace.with_name(f"died-{self.seed}-{number}")
        if trace.exists():
            trace.rename(kept)
        else:
            kept.touch()  # It did not come as far as that.
        lines = kept.read_text().splitlines()
        who, _, what = (lines or [""])[-1].partition(" ")
        last_words = _words_of(trace).read_text(errors="replace").splitlines()[-1:]
        finding = Finding(
            kind="crash",
            seed=self.seed,
            round=number,
            step=len(lines),
            detail=f"{how} {last_words}; the whole round: {kept}",
            who=who,
            size=len(what) // 2,
            update=what[: 2 * SHOWN_BYTES_MAX],
        )
        return Tally(crashes=1, findings=[finding])


def run(*, updates: int, seed: int, workers: int, folder: Path) -> Tally:
    """Play so many updates and return what was counted."""
    playing = Run(seed=seed, updates=updates, workers=workers, folder=folder)
    trio.run(playing.play)
    return playing.total


def _print(finding: Finding) -> None:
    print(json.dumps(attrs.asdict(finding)), file=sys.stderr, flush=True)


def line_of(counts: Tally, seed: int, took_s: float) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    plain = counts.to_plain()
    plain["findings"] = len(counts.findings)
    plain["refused"] = dict(counts.refused.most_common())
    return {"seed": seed, "ok": counts.is_clean, "took_s": round(took_s, 1), **plain}


async def _play_for(playing: Run, minutes: float) -> None:
    """Play until all is played or the time is over; rounds that were not finished do not count."""
    with trio.move_on_after(minutes * 60):
        await playing.play()


def main() -> int:
    """Play updates against the notes; exit with 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.notes", description=main.__doc__)
    parser.add_argument("--updates", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--round", type=int, help="play only this one, as a finding names it")
    parser.add_argument("--first", type=int, default=0, help="round to begin with: go on there")
    parser.add_argument("--minutes", type=float, default=math.inf, help="end after so many at most")
    parser.add_argument("--keep", type=Path, help="folder for the traces of what went wrong")
    parser.add_argument("--commands", action="store_true", help="undo, authors, exports as well")
    parser.add_argument("--json", action="store_true", help="one line, for machines")
    chosen = parser.parse_args()
    folder = chosen.keep or Path(tempfile.mkdtemp(prefix="fuzz-"))
    folder.mkdir(exist_ok=True)
    started = time.perf_counter()
    playing = Run(
        seed=chosen.seed,
        updates=1 if chosen.round is not None else chosen.updates,
        workers=chosen.workers if chosen.round is None else 1,
        folder=folder,
        first=chosen.first if chosen.round is None else chosen.round,
        with_commands=chosen.commands,
        told=_print,
    )
    trio.run(_play_for, playing, chosen.minutes)
    counts = playing.total
    line = line_of(counts, chosen.seed, time.perf_counter() - started)
    print(json.dumps(line, indent=None if chosen.json else 2))
    return 0 if counts.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
