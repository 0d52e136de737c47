"""A text of the live document by code points: the library beneath counts UTF-8 bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pycrdt import Doc, Text

from collab.client.places import bytes_before, index_of, place_of


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
        first = bytes_before(held, start)
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
        return place_of(self._text, self.root, index)

    def index_of(self, place: object) -> int | None:
        """Return where *place* is now; None if it is no place of this text (yet)."""
        return index_of(self._text, self.root, place)
