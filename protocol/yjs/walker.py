"""Reads a Yjs update (v1 encoding) without applying it, and refuses what could do harm.

What comes from a client goes through here before it reaches a document: the CRDT library trusts
its input and can be crashed, poisoned or stalled by a few bytes. Rules (spec, N11 and N12):

* Whatever the bytes, the outcome is a report or ``UpdateRefused``, after at most a number of
  steps in proportion to the bytes. Nothing recurses. Nothing is allocated by a claimed length.
* Accepted is only what Yjs and yrs read alike: the stricter of the two counts.
* Who may write under which client id, which roots exist and whether the document has what the
  update builds on is not known here: the report tells it, the caller decides (``NestingIndex``).

::

    update  = count, section* , delete set          section = count, client, clock, struct*
    struct  = 0, length                             (garbage: the clocks are used up)
            | 10, length                            (a gap: the clocks are not in this update)
            | flags+kind, origin?, right origin?, (parent, key?)?, content
    parent  = 1, root name | 0, id                  (only without origins: else it is theirs)
    delete set = count, (client, count, (clock, length)*)*

All numbers are variable-length integers, an id is a client and a clock, and the clock of a struct
follows from the lengths before it. Standard library only.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping

from protocol.yjs._deletes import DeleteReader
from protocol.yjs._structs import StructReader
from protocol.yjs._varint import BadVarint
from protocol.yjs.errors import UpdateRefused
from protocol.yjs.limits import CLIENT_LIMITS, SLICE_UNITS, WalkLimits
from protocol.yjs.report import Span, UpdateReport


def walk(update: bytes, limits: WalkLimits = CLIENT_LIMITS) -> UpdateReport:
    """Read *update* in one go. For more than some kilobytes use :func:`walk_steps`.

    Raises:
      UpdateRefused: see ``UPDATE_REFUSALS``.
    """
    walk = _Walk(update, limits)
    while not walk.read_slice():
        pass
    return walk.report()


def walk_steps(
    update: bytes, limits: WalkLimits = CLIENT_LIMITS
) -> Generator[None, None, UpdateReport]:
    """Read *update* in slices of at most about 2 ms; the generator returns the report.

    The caller lets others run between slices. Dropping the generator costs nothing.

    Raises:
      UpdateRefused: see ``UPDATE_REFUSALS``.
    """
    walk = _Walk(update, limits)
    while not walk.read_slice():
        yield
    return walk.report()


class _Walk:
    """The readers of one update, one after the other."""

    __slots__ = ("_deletes", "_limits", "_structs", "_update")

    def __init__(self, update: bytes, limits: WalkLimits) -> None:
        if len(update) > limits.update_bytes_max:
            allowed = limits.update_bytes_max
            raise UpdateRefused("too_large", f"{len(update)} bytes; {allowed} are allowed")
        self._update = update
        self._limits = limits
        self._structs: StructReader | None = None
        self._deletes: DeleteReader | None = None

    def read_slice(self) -> bool:
        """Read on; return True at the end. Not to be called again then, or after an error."""
        try:
            return self._read_slice()
        except IndexError:  # Only a read past the end raises it: see ``_varint``.
            raise UpdateRefused("truncated", f"it ends at {len(self._update)}") from None
        except BadVarint:
            raise UpdateRefused("bad_varint", "an integer that is too long or too large") from None
        except UnicodeDecodeError as error:
            raise UpdateRefused("bad_text", error.reason) from None

    def _read_slice(self) -> bool:
        structs = self._structs
        if structs is None:
            structs = self._structs = StructReader(self._update, self._limits, 0)
        deletes = self._deletes
        if deletes is None:
            structs.units = SLICE_UNITS
            if not structs.read_slice():
                return False
            deletes = self._deletes = DeleteReader(self._update, self._limits, structs.pos)
        deletes.units = SLICE_UNITS
        if not deletes.read_slice():
            return False
        if deletes.pos != len(self._update):
            raise UpdateRefused("trailing_bytes", f"{len(self._update) - deletes.pos} bytes")
        return True

    def report(self) -> UpdateReport:
        """Return what was seen, once everything was read."""
        structs, deletes = self._structs, self._deletes
        assert structs is not None
        assert deletes is not None
        roots = structs.roots
        return UpdateReport(
            len(self._update),
            structs.struct_count,
            structs.clocks,
            structs.gaps,
            deletes.deletes,
            {name: frozenset(kinds) for name, kinds in roots.items()} if roots else {},
            structs.counts,
            structs.value_depth,
            _needs(structs, deletes.deletes),
            structs.runs,
            structs.types,
            structs.blanks,
            structs.rights,
            structs.longs,
            structs.halves,
            structs.splits,
        )


def _needs(structs: StructReader, deletes: Mapping[int, list[Span]]) -> dict[int, int]:
    """Return the least state vector to apply the update at once."""
    clocks = structs.clocks
    needs = {client: span[0] for client, span in clocks.items() if span[0]}
    for client, spans in structs.gaps.items():
        needs[client] = spans[-1][1]
    for client, at in structs.far.items():
        if client not in clocks or at >= clocks[client][1]:
            needs[client] = max(needs.get(client, 0), at + 1)
    for client, spans in deletes.items():
        end = spans[-1][1]
        if client not in clocks or end > clocks[client][1]:
            needs[client] = max(needs.get(client, 0), end)
    return needs
