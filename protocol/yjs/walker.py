"""Reads a Yjs update (v1 encoding) without applying it, and refuses what could do harm.

What comes from a client goes through here before it reaches a document: the CRDT library trusts
its input and can be crashed, poisoned or stalled by a few bytes. Rules (spec, N1):

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
    steps = walk_steps(update, limits)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            report: UpdateReport = done.value
            return report


def walk_steps(
    update: bytes, limits: WalkLimits = CLIENT_LIMITS
) -> Generator[None, None, UpdateReport]:
    """Read *update* in slices of at most about 2 ms; the generator returns the report.

    The caller lets others run between slices. Dropping the generator costs nothing.

    Raises:
      UpdateRefused: see ``UPDATE_REFUSALS``.
    """
    try:
        return (yield from _read(update, limits))
    except IndexError:  # Only a read past the end raises it: see ``_varint``.
        raise UpdateRefused("truncated", f"the update ends at {len(update)}") from None
    except BadVarint:
        raise UpdateRefused("bad_varint", "an integer that is too long or too large") from None
    except UnicodeDecodeError as error:
        raise UpdateRefused("bad_text", error.reason) from None


def _read(update: bytes, limits: WalkLimits) -> Generator[None, None, UpdateReport]:
    size = len(update)
    if size > limits.update_bytes_max:
        raise UpdateRefused("too_large", f"{size} bytes; {limits.update_bytes_max} are allowed")
    structs = StructReader(update, limits, 0)
    yield from _read_sections(structs, limits)
    deletes = DeleteReader(update, limits, structs.pos)
    yield from _read_sections(deletes, limits)
    if deletes.pos != size:
        raise UpdateRefused("trailing_bytes", f"{size - deletes.pos} bytes")
    return UpdateReport(
        size_bytes=size,
        struct_count=structs.struct_count,
        clocks=structs.clocks,
        gaps=structs.gaps,
        deletes=deletes.deletes,
        roots={name: frozenset(kinds) for name, kinds in structs.roots.items()},
        content_counts=structs.counts,
        value_depth=structs.value_depth,
        needs=_needs(structs, deletes.deletes),
        runs=structs.runs,
    )


def _read_sections(
    reader: StructReader | DeleteReader, limits: WalkLimits
) -> Generator[None, None, None]:
    for _ in range(reader.count(limits.clients_max, "too_many_clients")):
        reader.open_section()
        while reader.is_in_section:
            reader.read_slice()
            if reader.units <= 0:
                yield
                reader.units = SLICE_UNITS
        reader.close_section()


def _needs(structs: StructReader, deletes: Mapping[int, list[Span]]) -> dict[int, int]:
    """Return the least state vector to apply the update at once."""
    clocks = structs.clocks
    needs = {client: span[0] for client, span in clocks.items() if span[0]}
    for client, gaps in structs.gaps.items():
        needs[client] = gaps[-1][1]
    for client, at in structs.far.items():
        if client not in clocks or at >= clocks[client][1]:
            needs[client] = max(needs.get(client, 0), at + 1)
    for client, ranges in deletes.items():
        end = ranges[-1][1]
        if client not in clocks or end > clocks[client][1]:
            needs[client] = max(needs.get(client, 0), end)
    return needs
