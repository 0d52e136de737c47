"""Awareness updates and state vectors. N4."""

from __future__ import annotations

import pytest

from protocol.yjs import (
    FRAME_REFUSALS,
    FrameRefused,
    Presence,
    decode_awareness,
    decode_state_vector,
    encode_awareness,
    encode_state_vector,
)
from protocol.yjs.limits import AWARENESS_CLIENTS_MAX, CLIENTS_MAX
from protocol.yjs.reader import varstring, varuint

# y-protocols 1.0.7: client 91, clock 3, {user: {name: "Ada", color: "#fe1"}, cursor: null}.
RECORDED = bytes.fromhex(
    "015b03347b2275736572223a7b226e616d65223a22416461222c22636f6c6f72223a22236665"
    "31227d2c22637572736f72223a6e756c6c7d"
)
EVERYBODY = [
    Presence(1, 0, None),
    Presence(2**53 - 1, 2**31 - 1, {"user": {"name": "Zoë 😀"}, "cursor": [1, 2.5, None, True]}),
    Presence(3, 7, {}),
]


def entry(client: int, clock: int, state: str | bytes) -> bytes:
    raw = state.encode() if isinstance(state, str) else state
    return varuint(client) + varuint(clock) + varuint(len(raw)) + raw


def test_recorded_awareness_is_read() -> None:
    """[N14.1] What y-protocols writes is read."""
    state = {"user": {"name": "Ada", "color": "#fe1"}, "cursor": None}
    assert decode_awareness(RECORDED) == [Presence(91, 3, state)]
    assert encode_awareness(decode_awareness(RECORDED)) == RECORDED


def test_awareness_comes_back_as_it_was() -> None:
    """[N14.1] Writing and reading are inverse."""
    assert decode_awareness(encode_awareness(EVERYBODY)) == EVERYBODY
    assert decode_awareness(encode_awareness([])) == []


BAD_AWARENESS = {
    "nothing": ("truncated", b""),
    "cut": ("truncated", RECORDED[:-1]),
    "more than it says": ("trailing_bytes", RECORDED + b"\0"),
    "a long integer": ("bad_varint", b"\xff" * 11),
    "not UTF-8": ("bad_text", b"\1" + entry(1, 0, b'"\xff"')),
    "no JSON": ("bad_json", b"\1" + entry(1, 0, "{")),
    "not a number": ("bad_json", b"\1" + entry(1, 0, '{"x":NaN}')),
    "a lone surrogate": ("bad_json", b"\1" + entry(1, 0, '{"x":"\\udc00"}')),
    "a list": ("bad_state", b"\1" + entry(1, 0, "[]")),
    "a number": ("bad_state", b"\1" + entry(1, 0, "1")),
    "too deep": ("too_deep", b"\1" + entry(1, 0, '{"x":' * 17 + "1" + "}" * 17)),
    "much too deep": ("too_deep", b"\1" + entry(1, 0, "[" * 8_000)),
    "a large state": ("too_large", b"\1" + entry(1, 0, '"' + "x" * 8_192 + '"')),
    "a large update": ("too_large", bytes(131_073)),
    "one client twice": ("duplicate_client", b"\2" + entry(1, 0, "{}") * 2),
    "a clock of 2^31": ("clock_overflow", b"\1" + entry(1, 2**31, "{}")),
    "too many clients": ("too_many_clients", varuint(AWARENESS_CLIENTS_MAX + 1)),
}


@pytest.mark.parametrize("name", BAD_AWARENESS)
def test_bad_awareness_is_refused_with_its_reason(name: str) -> None:
    """[N14.2] Malformed or oversized states are refused whole."""
    code, update = BAD_AWARENESS[name]
    with pytest.raises(FrameRefused) as refused:
        decode_awareness(update)
    # A text that is cut off may be told as bad JSON or as too deep, whichever is seen first.
    assert refused.value.code in ({code, "bad_json"} if name == "much too deep" else {code})
    assert code in FRAME_REFUSALS


def test_state_vectors_come_back_as_they_were() -> None:
    """[N14.3] Writing and reading are inverse."""
    state = {1: 0, 2**53 - 1: 2**31 - 1, 70_000: 300}
    assert decode_state_vector(encode_state_vector(state)) == state
    assert decode_state_vector(b"\0") == {}


BAD_VECTORS = {
    "nothing": ("truncated", b""),
    "cut": ("truncated", b"\2\1\1"),
    "more than it says": ("trailing_bytes", b"\0\0"),
    "one client twice": ("duplicate_client", b"\2\1\1\1\2"),
    "a clock of 2^31": ("clock_overflow", b"\1\1" + varuint(2**31)),
    "too many clients": ("too_many_clients", varuint(CLIENTS_MAX + 1)),
    "a large vector": ("too_large", bytes(262_145)),
}


@pytest.mark.parametrize("name", BAD_VECTORS)
def test_bad_state_vectors_are_refused_with_their_reason(name: str) -> None:
    """[N14.3] A state vector is checked before the document sees it."""
    code, vector = BAD_VECTORS[name]
    with pytest.raises(FrameRefused) as refused:
        decode_state_vector(vector)
    assert refused.value.code == code


def test_a_state_that_is_no_json_is_the_callers_mistake() -> None:
    """[N14.1] What cannot be written as JSON is not written as something else."""
    with pytest.raises(ValueError, match="JSON"):
        encode_awareness([Presence(1, 1, {"x": float("nan")})])
    assert varstring("ü") == b"\2\xc3\xbc"
