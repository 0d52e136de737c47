"""Places in a text that move with the words beside them, as Yjs editors write them.

::

    {"tname": root, "item": {"client", "clock"}, "assoc": 0}    before that character; -1: behind
    {"tname": root, "assoc": 0}                                 at the end; -1: at the beginning

Clocks count UTF-16 units. The library beneath counts what lies between a block's beginning and
the place in UTF-8 bytes, so what it says is right only where that is ASCII, or nothing. In other
texts a block is made to begin at the place: removing nothing there does that, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pycrdt import Doc, StickyIndex, Text

from protocol.yjs import decode_state_vector


def place_of(text: Text, root: str, index: int) -> dict[str, Any]:
    """Return code point *index* of *text* as a place.

    Raises:
      IndexError: there is no such place.
    """
    held = str(text)
    if not 0 <= index <= len(held):
        raise IndexError(f"{index} is not within a text of {len(held)}")
    if index == len(held):
        return {"tname": root, "assoc": 0}
    return {"tname": root, "item": _item_at(text, held, index), "assoc": 0}


def index_of(text: Text, root: str, place: object) -> int | None:
    """Return where *place*, another's words, is now; None if it is none of this text (yet).

    Beside words that are gone: where they were.
    """
    if not isinstance(place, Mapping) or place.get("type") is not None:
        return None
    tname, item, assoc = place.get("tname"), place.get("item"), place.get("assoc", 0)
    if tname not in (root, None) or type(assoc) is not int or assoc not in (0, -1):
        return None
    held = str(text)
    if item is None:
        edge = 0 if assoc < 0 else len(held)
        return edge if tname == root else None
    if not isinstance(item, Mapping) or not _is_known(item, text.doc):
        return None
    offset = _offset_of(text, item)
    if offset is None:
        return None
    near = len(held.encode()[:offset].decode(errors="ignore"))
    if assoc == 0 and held.isascii():
        return near  # Where bytes and units are the same, it is counted right.
    found = _forward(text, held, near, item)
    if found is None:
        return near  # Its words are gone; what lies before them was counted right.
    return found + 1 if assoc < 0 else found


def bytes_before(text: str, index: int) -> int:
    """Return how many bytes the code points before *index* take."""
    return index if text.isascii() else len(text[:index].encode())


def _item_at(text: Text, held: str, index: int) -> Mapping[str, int]:
    """Return client and clock of the character at *index*, which exists."""
    at = bytes_before(held, index)
    with text.doc.transaction() as transaction:
        if not held.isascii():
            text.integrated.remove_range(transaction._txn, at, 0)
        item: Mapping[str, int] = text.sticky_index(at).to_json()["item"]
    return item


def _forward(text: Text, held: str, near: int, item: Mapping[str, Any]) -> int | None:
    """Return where the character *item* is: in the same block as *near*, there or behind it.

    None: it is not there any more.
    """
    if near == len(held):
        return None
    known = _item_at(text, held, near)
    units = item["clock"] - known["clock"]
    if known["client"] != item["client"] or units < 0:
        return None
    between = held[near : near + units].encode("utf-16-le")[: 2 * units]
    found = near + len(between.decode("utf-16-le", errors="ignore"))
    if found == len(held):
        return None
    there = _item_at(text, held, found)
    units = item["clock"] - there["clock"]
    is_there = there["client"] == item["client"] and 0 <= units < (
        2 if held[found] > "\uffff" else 1
    )
    return found if is_there else None  # A place behind a character is that of its last unit.


def _offset_of(text: Text, item: Mapping[str, Any]) -> int | None:
    """Return the bytes before the block of *item*, and the units in it before *item*."""
    known = {"item": {"client": item["client"], "clock": item["clock"]}, "assoc": 0}
    try:
        return StickyIndex.from_json(known, text).get_index()
    except BaseException as error:
        # The library panics at what it does not expect, such as words that are no more; all
        # other exceptions that are not errors (Cancelled, KeyboardInterrupt) go on.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        return None


def _is_known(item: Mapping[str, Any], doc: Doc[Any]) -> bool:
    """Say whether *item*, another's words, has the right shape and is of words that are here.

    The library panics at most others, which costs a line on standard error each.
    """
    client, clock = item.get("client"), item.get("clock")
    if type(client) is not int or type(clock) is not int or clock < 0:
        return False
    return clock < decode_state_vector(doc.get_state()).get(client, 0)
