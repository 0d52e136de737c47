"""Awareness updates and state vectors: the two small encodings beside the document's own.

::

    awareness update = count, (client, clock, JSON text)*      null: that client is gone
    state vector     = count, (client, clock)*                 clocks known of each client
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from protocol.yjs._json import BadJson, TooDeepJson, parse_json
from protocol.yjs.errors import FrameRefused
from protocol.yjs.limits import (
    AWARENESS_BYTES_MAX,
    AWARENESS_CLIENTS_MAX,
    AWARENESS_NESTING_MAX,
    AWARENESS_STATE_BYTES_MAX,
    CLIENTS_MAX,
    CLOCK_MAX,
    STATE_VECTOR_BYTES_MAX,
)
from protocol.yjs.reader import Reader, varstring, varuint


@frozen
class Presence:
    """What one client says of itself. A higher clock replaces a lower one."""

    client: int
    clock: int
    state: Mapping[str, Any] | None  # None: gone.


def decode_awareness(update: bytes) -> list[Presence]:
    """Read an awareness update.

    Raises:
      FrameRefused: malformed, over a limit, or one client twice.
    """
    if len(update) > AWARENESS_BYTES_MAX:
        raise FrameRefused("too_large", f"{len(update)} bytes; {AWARENESS_BYTES_MAX} are allowed")
    reader = Reader(update)
    count = reader.varuint()
    if count > AWARENESS_CLIENTS_MAX:
        raise FrameRefused("too_many_clients", f"{count}; {AWARENESS_CLIENTS_MAX} are allowed")
    entries: dict[int, Presence] = {}
    for _ in range(count):
        client, clock = reader.varuint(), _clock(reader)
        if client in entries:
            raise FrameRefused("duplicate_client", f"client {client}")
        state = _state(reader.varbytes(AWARENESS_STATE_BYTES_MAX))
        entries[client] = Presence(client, clock, state)
    reader.end()
    return list(entries.values())


def encode_awareness(entries: Sequence[Presence]) -> bytes:
    """Write an awareness update. Inverse of :func:`decode_awareness`."""
    out = bytearray(varuint(len(entries)))
    for entry in entries:
        text = json.dumps(entry.state, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        out += varuint(entry.client) + varuint(entry.clock) + varstring(text)
    return bytes(out)


def decode_state_vector(vector: bytes) -> dict[int, int]:
    """Read a state vector: client -> clocks known.

    Raises:
      FrameRefused: malformed, over a limit, or one client twice.
    """
    if len(vector) > STATE_VECTOR_BYTES_MAX:
        raise FrameRefused("too_large", f"{len(vector)} bytes")
    reader = Reader(vector)
    count = reader.varuint()
    if count > CLIENTS_MAX:
        raise FrameRefused("too_many_clients", f"{count}; {CLIENTS_MAX} are allowed")
    state: dict[int, int] = {}
    for _ in range(count):
        client, clock = reader.varuint(), _clock(reader)
        if client in state:
            raise FrameRefused("duplicate_client", f"client {client}")
        state[client] = clock
    reader.end()
    return state


def encode_state_vector(state: Mapping[int, int]) -> bytes:
    """Write a state vector. Inverse of :func:`decode_state_vector`."""
    out = bytearray(varuint(len(state)))
    for client, clock in state.items():
        out += varuint(client) + varuint(clock)
    return bytes(out)


def _clock(reader: Reader) -> int:
    clock = reader.varuint()
    if clock > CLOCK_MAX:
        raise FrameRefused("clock_overflow", f"clock {clock}")
    return clock


def _state(raw: bytes) -> Mapping[str, Any] | None:
    try:
        state, _ = parse_json(
            raw, elements_max=AWARENESS_STATE_BYTES_MAX, nesting_max=AWARENESS_NESTING_MAX
        )
    except UnicodeDecodeError as error:
        raise FrameRefused("bad_text", error.reason) from None
    except BadJson as error:
        raise FrameRefused("bad_json", str(error)) from None
    except TooDeepJson:
        raise FrameRefused("too_deep", f"deeper than {AWARENESS_NESTING_MAX}") from None
    if state is not None and type(state) is not dict:
        raise FrameRefused("bad_state", f"a {type(state).__name__}")
    return state
