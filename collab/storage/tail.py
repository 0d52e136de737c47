"""The in-memory index of the tail: which rows hold which actor's newest records.

Rows get ascending ids in the order of commit and are never renumbered or reused while the store
is open. Records of one actor that lie next to each other form a *run*; a run is four integers.
Only the event loop's thread touches the index; it changes after a commit, never before.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from attrs import frozen

from collab.storage.limits import RUN_BYTES_MAX


@frozen
class Run:
    """``count`` records of one actor, in rows ``first_id``, ``first_id + 1`` and so on."""

    first_seq: int
    count: int
    first_id: int
    nbytes: int

    @property
    def last_seq(self) -> int:
        """The seq of the newest record of the run."""
        return self.first_seq + self.count - 1


_FIELDS = 4  # Of a run, flattened into the array.


class TailIndex:
    """actor -> its runs, oldest first, without a gap between them."""

    def __init__(self) -> None:
        self._runs: dict[str, array[int]] = {}
        self.rows = 0
        self.nbytes = 0
        self.last_id = 0  # Of the newest durable row.
        self.fence = 0  # Runs that start at or below this row id grow no more: a pass has them.

    def add(self, actor_id: str, run: Run) -> None:
        """Index a run that has become durable and follows the actor's newest one."""
        runs = self._runs.get(actor_id)
        if runs is None:
            runs = self._runs[actor_id] = array("q")
        if (
            runs
            and runs[-2] > self.fence
            and runs[-2] + runs[-3] == run.first_id
            and runs[-1] + run.nbytes <= RUN_BYTES_MAX
        ):
            runs[-3] += run.count
            runs[-1] += run.nbytes
        else:
            runs.extend((run.first_seq, run.count, run.first_id, run.nbytes))
        self.rows += run.count
        self.nbytes += run.nbytes
        self.last_id = max(self.last_id, run.first_id + run.count - 1)

    def drop(self, actor_id: str, last_seq: int) -> bool:
        """Forget the runs up to *last_seq*, which ends one; say whether none is left."""
        runs = self._runs[actor_id]
        end = 0
        for run in self.runs(actor_id):
            if run.last_seq > last_seq:
                break
            end += _FIELDS
            self.rows -= run.count
            self.nbytes -= run.nbytes
        del runs[:end]
        if runs:
            return False
        del self._runs[actor_id]
        return True

    def forget(self, actor_id: str) -> None:
        """Forget everything about a damaged actor."""
        last_seq = self.last_seq(actor_id)
        if last_seq is not None:
            self.drop(actor_id, last_seq)

    def runs(self, actor_id: str) -> Iterator[Run]:
        """Yield the runs of *actor_id*, oldest first."""
        runs = self._runs.get(actor_id, ())
        for at in range(0, len(runs), _FIELDS):
            yield Run(runs[at], runs[at + 1], runs[at + 2], runs[at + 3])

    def ids(self, actor_id: str, *, after: int, limit: int) -> array[int]:
        """Return the row ids of up to *limit* records with ``seq > after``, ascending."""
        ids: array[int] = array("q")
        for run in self.runs(actor_id):
            room = limit - len(ids)
            if room <= 0:
                break
            skipped = max(0, after + 1 - run.first_seq)
            if skipped < run.count:
                first = run.first_id + skipped
                ids.extend(range(first, first + min(run.count - skipped, room)))
        return ids

    def last_seq(self, actor_id: str) -> int | None:
        """Return the newest durable seq, or None if the tail holds nothing of *actor_id*."""
        runs = self._runs.get(actor_id)
        return runs[-4] + runs[-3] - 1 if runs else None

    def actors(self) -> list[str]:
        """Return who has records in the tail, longest unsealed first."""
        return list(self._runs)
