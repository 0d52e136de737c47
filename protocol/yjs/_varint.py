"""lib0's variable-length integers: 7 bits a byte, lowest first, the high bit says "more follows".

Readers take ``(source, pos)`` and return ``(value, pos after it)``. A read past the end raises
``IndexError``, which the callers' outermost frame turns into "truncated": a check per byte would
double the cost of a walk.
"""

from __future__ import annotations

from protocol.yjs.limits import VARINT_BYTES_MAX, VARINT_MAX


class BadVarint(ValueError):
    """An integer of too many bytes, or too large for both libraries."""


def finish_varuint(source: bytes, pos: int, low: int) -> tuple[int, int]:
    """Read the rest of an integer whose first byte *low* (128 or more) was at ``pos - 1``.

    Raises:
      BadVarint: more than ``VARINT_BYTES_MAX`` bytes, or above ``VARINT_MAX``.
      IndexError: the source ends before it.
    """
    byte = source[pos]
    pos += 1
    value = low & 127 | (byte & 127) << 7
    if byte < 128:
        return value, pos
    for shift in range(14, 7 * VARINT_BYTES_MAX, 7):
        byte = source[pos]
        pos += 1
        value |= (byte & 127) << shift
        if byte < 128:
            if value > VARINT_MAX:
                break
            return value, pos
    raise BadVarint


def read_varuint(source: bytes, pos: int) -> tuple[int, int]:
    """Read an unsigned integer. Raises as :func:`finish_varuint`."""
    low = source[pos]
    if low < 128:
        return low, pos + 1
    return finish_varuint(source, pos + 1, low)


def skip_varint(source: bytes, pos: int) -> int:
    """Return the position after a signed integer (the first byte holds 6 bits and the sign).

    Raises as :func:`finish_varuint`; the bound is on the magnitude.
    """
    byte = source[pos]
    pos += 1
    if byte < 128:
        return pos
    rest, pos = read_varuint(source, pos)
    if rest > VARINT_MAX >> 6:
        raise BadVarint
    return pos


def varuint(value: int) -> bytes:
    """Return *value*, from 0 to ``VARINT_MAX``, as lib0 writes it."""
    if value < 128:
        return bytes((value,))
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
