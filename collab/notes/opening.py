"""How a document is built from what was saved of it, and its index, in slices."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from typing import NamedTuple

from collab.notes.errors import DocumentFault
from collab.notes.guarding import no_panic, own_bytes
from collab.notes.halving import grouped, halve_steps
from collab.notes.loading import OWN_LIMITS, load_steps
from collab.notes.replaying import REPLAYED_AT_ONCE, Live, replay_steps
from protocol.yjs import Id, NestingIndex, decode_state_vector, walk_steps


class Opened(NamedTuple):
    """A built document, and the bytes it is built from but for the updates since."""

    saved: bytes
    live: Live


def opened_steps(
    saved: bytes, live: Live | None, behind: Sequence[bytes], cuts: Collection[Id]
) -> Generator[None, None, Opened]:
    """Bring *live*, or a new document of *saved*, up to date with the updates *behind*.

    Dropped half-way, it begins anew: what was applied already is applied once more.

    Args:
      cuts: Characters that an update cuts in two, of what was before it too. They may be cut
        before their time: nobody looks in between.

    Raises:
      DocumentFault: the library failed.
    """
    updates, given, holds_back = list(behind), live, False
    if cuts:
        by_client = grouped(cuts)
        if live is not None:
            holds_back = live.holds_back
            with no_panic():
                saved, live = live.doc.get_update(), None
        saved = yield from halve_steps(saved, by_client)
        for at, update in enumerate(updates):
            updates[at] = yield from halve_steps(update, by_client)
            if at % REPLAYED_AT_ONCE == 0:
                yield
    if live is None:
        live = Live()
        live.holds_back = holds_back
        live.doc, live.load = yield from load_steps(saved, None)
        yield
    yield from replay_steps(live, updates)
    if given is not live or updates:
        with no_panic():
            live.clocks = dict(decode_state_vector(live.doc.get_state()))
        live.version += 1
        live.whole = live.index = None
        live.measured_bytes = len(saved)
        live.added_bytes = sum(map(len, updates))
    return Opened(saved, live)


def index_steps(live: Live, whole: bytes) -> Generator[None]:
    """Build the index of *live*, which is encoded as *whole*.

    Raises:
      DocumentFault: it holds other clocks than it has.
    """
    index = NestingIndex()
    with own_bytes():
        report = yield from walk_steps(whole, OWN_LIMITS)
        index.commit((yield from index.plan_steps(report)))
    if index.state != live.clocks:
        raise DocumentFault("the document is encoded with other clocks than it has")
    live.index = index
