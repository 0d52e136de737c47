"""Awareness as the presence of a target carries it: what a session says of its Yjs clients.

::

    presence of a session = {"yjs": {"<client id>": {"clock": 3, "state": {...}}}, ...}

Doors, and clients of the wire that hold a document, show and read the same. What one's own
``state`` means is between editors: ``user`` and ``cursor`` by custom.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from protocol.yjs.awareness import Presence
from protocol.yjs.limits import AWARENESS_OWN_CLIENTS_MAX, CLOCK_MAX, VARINT_MAX

AWARENESS_PART: Final = "yjs"  # The part of a session's presence that is awareness.


def awareness_shown(entries: Iterable[Presence]) -> dict[str, Any]:
    """Return what the presence of a session that is *entries* holds."""
    return {
        AWARENESS_PART: {
            str(entry.client): {"clock": entry.clock, "state": entry.state} for entry in entries
        }
    }


def awareness_in(state: object) -> Iterator[Presence]:
    """Yield everything well-formed in a session's presence: its words, which nobody checked."""
    claims = state.get(AWARENESS_PART) if isinstance(state, Mapping) else None
    if not isinstance(claims, Mapping):
        return
    for name, claim in list(claims.items())[:AWARENESS_OWN_CLIENTS_MAX]:
        if not isinstance(claim, Mapping) or not (isinstance(name, str) and name.isascii()):
            continue
        clock, shown = claim.get("clock"), claim.get("state")
        if not name.isdigit() or len(name) > len(str(VARINT_MAX)) or int(name) > VARINT_MAX:
            continue
        if type(clock) is int and 0 <= clock <= CLOCK_MAX and isinstance(shown, Mapping):
            yield Presence(int(name), clock, shown)
