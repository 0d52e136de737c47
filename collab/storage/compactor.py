"""Moves the tail into buckets: many records of one actor, side by side, compressed.

A pass turns the commits to the other tail table, which is empty, and then has the full one for
itself. Step by step it reads the runs of some actors (in the background connection's thread),
seals them, and lets the buckets join a group commit; only then does the index forget the records.
When no actor is left the table is emptied as a whole: that frees its pages unwritten. Stopped
anywhere, a record is in the tail, in a bucket, or in both, and the bucket wins.

Rows of a damaged actor move to the quarantine, for whoever wants to save them.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, MutableMapping
from functools import partial

import apsw
import trio
from attrs import define, field

from actors import JournalBroken
from collab.storage.buckets import Portion, seal_portions
from collab.storage.connection import SqlThread
from collab.storage.figures import Figures
from collab.storage.heads import Heads
from collab.storage.limits import (
    SEAL_AT_CLOSE_S,
    SEAL_STEP_BYTES,
    SEAL_STEP_ROWS,
    TAIL_BYTES_HARD,
    TAIL_BYTES_MAX,
    TAIL_ROWS_HARD,
    TAIL_ROWS_MAX,
)
from collab.storage.tail import TailIndex
from collab.storage.writer import Writer


@define(eq=False)
class Compactor:
    """The task that keeps the tail bounded."""

    thread: SqlThread
    writer: Writer
    tail: TailIndex
    heads: Heads
    damaged: MutableMapping[str, str]
    figures: Figures
    clock_ms: Callable[[], int]
    old_upto: int  # The newest row in the table that takes no commits; 0: it is empty.
    _passing: trio.Lock = field(factory=trio.Lock)
    _is_closing: bool = False
    _wake: trio.Event = field(factory=trio.Event)
    _moved: trio.Event = field(factory=trio.Event)

    @property
    def is_due(self) -> bool:
        """Say whether the tail is over its soft bound, or a pass was not finished."""
        return (
            self.tail.rows > TAIL_ROWS_MAX or self.tail.nbytes > TAIL_BYTES_MAX or self.old_upto > 0
        )

    @property
    def is_behind(self) -> bool:
        """Say whether the tail is over its hard bound, so that appends have to wait."""
        return self.tail.rows > TAIL_ROWS_HARD or self.tail.nbytes > TAIL_BYTES_HARD

    def poke(self) -> None:
        """Have a pass begin soon."""
        self._wake.set()

    async def room(self) -> None:
        """Wait until the tail is below its hard bound, or the device failed.

        Cancelled: nothing happened.
        """
        while self.is_behind and self.writer.failed is None:
            self.poke()
            await self._moved.wait()

    async def run(self) -> None:
        """Seal whenever the tail is over its bound, until :meth:`close`; then for a bounded time.

        Cancelled: goes on until then.
        """
        with trio.CancelScope(shield=True):
            while not self._is_closing:
                await self._wake.wait()
                self._wake = trio.Event()
                if self.is_due and not self._is_closing:
                    await self._guarded_pass()
            with trio.move_on_after(SEAL_AT_CLOSE_S):
                await self._guarded_pass()

    def close(self) -> None:
        """Let :meth:`run` end soon."""
        self._is_closing = True
        self._wake.set()

    async def _guarded_pass(self) -> None:
        try:
            await self.seal_all()
        except apsw.Error as error:
            await self.writer.fail(error)
        except JournalBroken:
            pass  # The store has failed and says so itself.
        finally:
            self._announce()

    async def seal_all(self) -> None:
        """Move everything that the tail holds now into buckets.

        Raises:
          JournalBroken: the device failed.
          apsw.Error: reading failed.

        Cancelled: some actors are sealed and others are not; nothing is lost.
        """
        async with self._passing:
            await self._empty_old()
            if self.tail.rows > 0:
                group = await self.writer.room()
                group.on_durable.append(self._turn)
                await self.writer.durable()
                await self._empty_old()

    def _turn(self) -> None:
        """Have the next commits go to the other table. Called between two commits."""
        self.old_upto = self.tail.fence = self.tail.last_id
        self.writer.tail_no = 1 - self.writer.tail_no

    async def _empty_old(self) -> None:
        if self.old_upto == 0:
            return
        waiting = [actor for actor in reversed(self.tail.actors()) if actor not in self.damaged]
        while waiting:
            portions = self._plan(waiting, self.old_upto)
            if portions:
                await self._step(portions)
                if waiting and waiting[-1] in self.damaged:
                    waiting.pop()
        group = await self.writer.room()
        table = f"tail_{1 - self.writer.tail_no}"
        if self.damaged:
            names = tuple(actor.encode("utf-8", "surrogateescape") for actor in self.damaged)
            group.moves.append(
                (
                    "INSERT INTO quarantine SELECT CAST(actor AS BLOB), seq, payload, crc"
                    f" FROM {table} WHERE CAST(actor AS BLOB) IN carray(?)",
                    (apsw.carray(names),),
                )
            )
        group.moves.append((f"DELETE FROM {table}", ()))
        group.on_durable.append(self._emptied)
        await self.writer.durable()

    def _emptied(self) -> None:
        self.old_upto = 0
        for actor_id in self.damaged:
            self.tail.forget(actor_id)
        self._announce()

    def _plan(self, waiting: list[str], last_id: int) -> list[Portion]:
        """Take a step's worth of actors, or of one actor's runs, off the end of *waiting*."""
        portions: list[Portion] = []
        rows = nbytes = 0
        while waiting and rows < SEAL_STEP_ROWS and nbytes < SEAL_STEP_BYTES:
            actor_id = waiting[-1]
            portion, is_whole = _portion(
                self.tail, actor_id, last_id, SEAL_STEP_ROWS - rows, SEAL_STEP_BYTES - nbytes
            )
            if portion is not None:
                portions.append(portion)
                rows += len(portion.ids)
                nbytes += portion.nbytes
            if not is_whole:
                break
            waiting.pop()
        return portions

    async def _step(self, portions: list[Portion]) -> None:
        sealed = await self.thread.run(seal_portions, portions, self.clock_ms())
        self.damaged.update(sealed.damaged)
        group = await self.writer.room()
        group.buckets.extend(sealed.buckets)
        group.replaced_buckets.extend(sealed.replaced)
        group.on_durable.append(partial(self._forget, portions, sealed.damaged))
        await self.writer.durable()
        self.figures.buckets_sealed += len(sealed.buckets)
        self._announce()

    def _forget(self, portions: list[Portion], damaged: Mapping[str, str]) -> None:
        for portion in portions:
            if portion.actor_id in damaged:
                continue
            newest = self.tail.last_seq(portion.actor_id)
            is_gone = self.tail.drop(portion.actor_id, portion.last_seq)
            # A batch of the open group is not in the tail yet, but its actor does not rest.
            if is_gone and newest == self.heads.get(portion.actor_id):
                self.heads.rest(portion.actor_id, portion.last_seq)

    def _announce(self) -> None:
        self._moved.set()
        self._moved = trio.Event()


def _portion(
    tail: TailIndex, actor_id: str, last_id: int, rows_max: int, nbytes_max: int
) -> tuple[Portion | None, bool]:
    """Return the actor's oldest runs, at least one, and whether that is all up to *last_id*."""
    ids: array[int] = array("q")
    first_seq = last_seq = nbytes = 0
    is_whole = True
    for run in tail.runs(actor_id):
        if run.first_id > last_id:
            break
        if ids and (len(ids) + run.count > rows_max or nbytes + run.nbytes > nbytes_max):
            is_whole = False
            break
        first_seq = first_seq or run.first_seq
        last_seq = run.last_seq
        ids.extend(range(run.first_id, run.first_id + run.count))
        nbytes += run.nbytes
    if not ids:
        return None, is_whole
    return Portion(actor_id, first_seq, last_seq, ids, nbytes), is_whole
