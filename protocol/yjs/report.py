"""What a walk tells about an update. Nothing in here may be changed by who gets it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, TypeAlias

Id: TypeAlias = tuple[int, int]  # client, clock
Span: TypeAlias = tuple[int, int]  # clocks: start, end; the end is not in it


class RootKind(StrEnum):
    """What a root looks like from one of its children. A guess: roots carry no type."""

    ARRAY = "array"
    MAP = "map"
    TEXT = "text"
    XML = "xml"


class Run(NamedTuple):
    """Structs of one client, from clock ``start`` to the next run's, that are equally deep.

    They lie where the structs ``left`` and ``right`` lie, or in the shared type ``parent``; with
    none of them, directly in a root. ``is_keyed`` with a parent or root: as entries of a map.
    """

    start: int
    left: Id | None
    right: Id | None
    parent: Id | None
    is_keyed: bool


class UpdateReport(NamedTuple):
    """What one update says, as far as it can be told without the document.

    ``needs`` is the least state vector that a document must have for the update to be applied at
    once and whole: client -> number of that client's clocks.
    """

    size_bytes: int
    struct_count: int
    clocks: Mapping[int, Span]  # author -> clocks written; gaps included
    gaps: Mapping[int, Sequence[Span]]  # author -> clocks skipped within them
    deletes: Mapping[int, Sequence[Span]]  # author of what is deleted -> clocks, ascending
    roots: Mapping[str, frozenset[RootKind]]
    content_counts: Sequence[int]  # by content number; see ``contents``
    value_depth: int  # deepest value: 0 plain, 1 a list or map of plain ones
    needs: Mapping[int, int]
    # What ``NestingIndex`` reads, by author.
    runs: Mapping[int, Sequence[Run]]
    types: Mapping[int, Sequence[int]]  # clocks of shared types
    blanks: Mapping[int, Sequence[Span]]  # clocks whose content is gone
    rights: Mapping[int, Sequence[int]]  # the first struct of each run with a right origin
    longs: Mapping[int, Sequence[Span]]  # structs of several clocks that may be entries of maps
    halves: Mapping[int, Sequence[int]]  # clocks of second halves of characters
    splits: Mapping[int, Sequence[int]]  # clocks before which structs are put, in any order

    @property
    def contents(self) -> dict[str, int]:
        """Return how many structs of each kind there are; kinds without any are left out."""
        return {
            name: count
            for name, count in zip(CONTENT_NAMES, self.content_counts, strict=True)
            if count
        }

    @property
    def is_empty(self) -> bool:
        """True if applying it changes no document: a client that had nothing to tell."""
        return not self.clocks and not self.deletes

    def missing_from(self, state: Mapping[int, int]) -> dict[int, int]:
        """Return the part of ``needs`` that a document with state vector *state* does not have."""
        return {
            client: clock for client, clock in self.needs.items() if clock > state.get(client, 0)
        }


CONTENT_NAMES = (
    "gc",
    "deleted",
    "json",
    "binary",
    "string",
    "embed",
    "format",
    "type",
    "any",
    "doc",
    "skip",
)
