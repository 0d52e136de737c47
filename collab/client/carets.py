"""Where people are in a text: as presence carries it, and in code points."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from attrs import frozen

from collab.client.shared_text import SharedText


@frozen
class Caret:
    """Where somebody is in a text, in code points; what lies between is selected."""

    user_id: str
    root: str
    anchor: int
    head: int


def caret_state(text: SharedText, anchor: int, head: int) -> dict[str, Any]:
    """Return what presence says of somebody at *anchor* and *head* of *text*.

    Raises:
      IndexError: there is no such place.
    """
    return {"root": text.root, "anchor": text.place_of(anchor), "head": text.place_of(head)}


def carets_of(
    sessions: Mapping[str, Mapping[str, Any] | None],
    name: str,
    roots: Collection[str],
    text_of: Callable[[str], SharedText],
) -> dict[str, Caret]:
    """Return those of *sessions* that say under *name* where they are, and are somewhere.

    Only in *roots*, those that exist: looking into another one would bring it into being.

    Names of users are the server's word, everything else is theirs and not believed.
    """
    carets = {}
    for session, member in sessions.items():
        state = (member or {}).get("state")
        shown = state.get(name) if isinstance(state, Mapping) else None
        if member is None or not isinstance(shown, Mapping):
            continue
        root = shown.get("root")
        if not isinstance(root, str) or root not in roots:
            continue
        text = text_of(root)
        anchor, head = text.index_of(shown.get("anchor")), text.index_of(shown.get("head"))
        if anchor is not None and head is not None:
            carets[session] = Caret(str(member["user"]), root, anchor, head)
    return carets
