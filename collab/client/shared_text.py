"""A text of the live document by code points: the library beneath counts UTF-8 bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pycrdt import Doc, StickyIndex, Text

from protocol.yjs import decode_state_vector


class SharedText:
    """One text root. It is always that of the document as it is now, also after a rebuild."""

    def __init__(self, doc: Callable[[], Doc[Any]], root: str) -> None:
        self._doc = doc
        self.root = root

    @property
    def _text(self) -> Text:
        text: Text = self._doc().get(self.root, type=Text)
        return text

    def __str__(self) -> str:
        return str(self._text)

    def __len__(self) -> int:
        return len(str(self))

    def insert(self, index: int, added: str) -> None:
        """Insert *added* before code point *index*. Raises: IndexError, there is no such place."""
        self.replace(index, index, added)

    def append(self, added: str) -> None:
        """Insert *added* at the end."""
        text = self._text
        if added:
            text.insert(len(text), added)

    def delete(self, start: int, stop: int) -> None:
        """Delete code points from *start* up to before *stop*. Raises: IndexError."""
        self.replace(start, stop, "")

    def replace(self, start: int, stop: int, added: str) -> None:
        """Put *added* in the place of a range of code points, as one edit.

        Raises:
          IndexError: the range is not within the text. Nothing has changed.
        """
        text = self._text
        held = str(text)
        if not 0 <= start <= stop <= len(held):
            raise IndexError(f"{start} to {stop} is not within a text of {len(held)}")
        first = _bytes_before(held, start)
        with self._doc().transaction():
            if stop > start:
                del text[first : first + len(held[start:stop].encode())]
            if added:
                text.insert(first, added)

    # ------------------------------------------------------------ places that stay where they are

    def place_of(self, index: int) -> dict[str, Any]:
        """Return code point *index* as a place that moves with the words beside it.

        Raises:
          IndexError: there is no such place.
        """
        text = self._text
        held = str(text)
        if not 0 <= index <= len(held):
            raise IndexError(f"{index} is not within a text of {len(held)}")
        if index == len(held):
            return {"tname": self.root, "assoc": 0}  # As Yjs says "the end of this root".
        place: dict[str, Any] = text.sticky_index(_bytes_before(held, index)).to_json()
        return place

    def index_of(self, place: object) -> int | None:
        """Return where *place* is now; None if it is no place of this text (yet)."""
        text = self._text
        if not isinstance(place, Mapping):
            return None
        if place.get("item") is None:
            return len(str(text)) if place.get("tname") == self.root else None
        if not _is_known(place, self._doc()):
            return None
        try:
            offset = StickyIndex.from_json(dict(place), text).get_index()
        except BaseException as error:
            # The library panics at what it does not expect, such as words that are no more; all
            # other exceptions that are not errors (Cancelled, KeyboardInterrupt) go on.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            return None
        return len(str(text).encode()[:offset].decode(errors="ignore"))


def _is_known(place: Mapping[str, Any], doc: Doc[Any]) -> bool:
    """Say whether *place*, another's words, has the right shape and stands at words that are here.

    The library panics at most other places, which costs a line on standard error each.
    """
    item, assoc = place.get("item"), place.get("assoc", 0)
    if not isinstance(item, Mapping) or type(assoc) is not int or assoc not in (0, -1):
        return False
    client, clock = item.get("client"), item.get("clock")
    if type(client) is not int or type(clock) is not int or clock < 0:
        return False
    return clock < decode_state_vector(doc.get_state()).get(client, 0)


def _bytes_before(text: str, index: int) -> int:
    return index if text.isascii() else len(text[:index].encode())
