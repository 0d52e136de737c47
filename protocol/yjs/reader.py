"""lib0's codecs for whole messages: a strict, bounded reader, and writers.

Standard library only. Bytes out are what lib0 writes; bytes in are refused unless they are whole.
"""

from __future__ import annotations

from protocol.yjs._varint import BadVarint, read_varuint
from protocol.yjs._varint import varuint as varuint
from protocol.yjs.errors import FrameRefused


class Reader:
    """Takes a message apart from front to end. All methods raise ``FrameRefused``."""

    __slots__ = ("_pos", "_source")

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._pos = 0

    def has_more(self) -> bool:
        """Say whether bytes are left."""
        return self._pos < len(self._source)

    def varuint(self) -> int:
        """Take an integer from 0 to 2^53 - 1."""
        try:
            value, self._pos = read_varuint(self._source, self._pos)
        except IndexError:
            raise self._truncated() from None
        except BadVarint:
            raise FrameRefused("bad_varint", f"at byte {self._pos}") from None
        return value

    def varbytes(self, bytes_max: int) -> bytes:
        """Take a length and so many bytes, at most *bytes_max*."""
        length = self.varuint()
        if length > bytes_max:
            raise FrameRefused("too_large", f"{length} bytes; {bytes_max} are allowed")
        end = self._pos + length
        if end > len(self._source):
            raise self._truncated()
        taken = self._source[self._pos : end]
        self._pos = end
        return taken

    def varstring(self, bytes_max: int) -> str:
        """Take a text of at most *bytes_max* bytes of UTF-8."""
        try:
            return self.varbytes(bytes_max).decode()
        except UnicodeDecodeError as error:
            raise FrameRefused("bad_text", error.reason) from None

    def end(self) -> None:
        """Check that nothing is left."""
        if self.has_more():
            raise FrameRefused("trailing_bytes", f"{len(self._source) - self._pos} bytes")

    def _truncated(self) -> FrameRefused:
        return FrameRefused("truncated", f"the message ends at {len(self._source)}")


def varbytes(payload: bytes) -> bytes:
    """Return *payload* after its length."""
    return varuint(len(payload)) + payload


def varstring(text: str) -> bytes:
    """Return *text* as UTF-8 after its length in bytes."""
    return varbytes(text.encode())
