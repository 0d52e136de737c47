"""Bytes <-> messages: every message class, every field, both encodings, made bad in every way."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, get_args

import attrs
import msgpack  # type: ignore[import-untyped]
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.codec import SUBPROTOCOLS, decode, decode_server, encode, encode_client
from protocol.errors import ProtocolViolation, Unreadable
from protocol.gateway import EventFrame, PresenceFrame
from protocol.limits import (
    FRAME_BYTES_MAX,
    NESTING_MAX,
    PRESENCE_BYTES_MAX,
    REF_MAX,
    SERVER_FRAME_BYTES_MAX,
)
from protocol.messages import (
    SUBPROTOCOL_JSON,
    SUBPROTOCOL_MSGPACK,
    Auth,
    Call,
    Cancel,
    ClientMessage,
    Cursor,
    Ended,
    Error,
    Events,
    Goodbye,
    Hello,
    Leave,
    Ping,
    Pong,
    PresenceChanged,
    Reply,
    Reset,
    Resumed,
    ServerMessage,
    SetPresence,
    Snapshot,
    Subscribe,
    Unsubscribe,
    Welcome,
)
from tests.protocol.fakes import split_frames

BOTH = pytest.mark.parametrize("subprotocol", SUBPROTOCOLS)
EXAMPLES: list[ClientMessage] = [
    Hello(token="t", client="c"),
    Auth(ref=1, token="t"),
    Call(ref=1, target="a:b", op="o", args={"x": [1]}, key="k", deadline_ms=10),
    Cancel(ref=1),
    Subscribe(ref=1, target="a:b", topics=("x", "y"), cursor=Cursor(epoch="e", seq=4)),
    Unsubscribe(ref=1),
    SetPresence(target="a:b", state={"x": {"y": 1}}),
    Ping(n=1),
    Leave(),
]


def plain(message: Any) -> dict[str, Any]:
    return {"t": message.TAG, **attrs.asdict(message)}


def dump(value: Any, subprotocol: str) -> bytes:
    if subprotocol == SUBPROTOCOL_JSON:
        return orjson.dumps(value)
    return msgpack.packb(value)  # type: ignore[no-any-return]


def fields() -> list[Any]:
    """Every field of every client message, as a pytest parameter."""
    return [
        pytest.param(message, attribute, id=f"{message.TAG}.{attribute.name}")
        for message in EXAMPLES
        for attribute in attrs.fields(type(message))
    ]


def refuse(value: Any, subprotocol: str) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        decode(dump(value, subprotocol), subprotocol)
    return caught.value


def outcome_of(value: Any, name: str, subprotocol: str) -> Any:
    """Return the field *name* as it was read, or the refusal."""
    try:
        return getattr(decode(dump(value, subprotocol), subprotocol), name)
    except Unreadable as error:
        return error


def test_the_examples_cover_every_message() -> None:
    """[W1.4] A new message without an example would go untested."""
    assert {type(message) for message in EXAMPLES} == set(get_args(ClientMessage))


@BOTH
@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.TAG)
def test_client_messages_survive_the_wire(message: ClientMessage, subprotocol: str) -> None:
    """[W1.2] Both encodings carry every message."""
    assert decode(encode_client(message, subprotocol), subprotocol) == message


@BOTH
@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.TAG)
def test_unknown_fields_are_ignored(message: ClientMessage, subprotocol: str) -> None:
    """[W1.3] A newer client may say more."""
    value = {**plain(message), "brand_new": {"x": 1}}
    assert decode(dump(value, subprotocol), subprotocol) == message


@BOTH
@pytest.mark.parametrize(("message", "attribute"), fields())
def test_a_missing_field_is_named_or_has_its_default(
    message: Any, attribute: Any, subprotocol: str
) -> None:
    """[W1.4] Required means required."""
    value = plain(message)
    del value[attribute.name]
    if attribute.default is attrs.NOTHING:
        error = refuse(value, subprotocol)
        assert error.code == "bad_request"
        assert error.message == f"{attribute.name}: is missing"
        assert error.ref == value.get("ref")
    else:
        decoded = decode(dump(value, subprotocol), subprotocol)
        assert getattr(decoded, attribute.name) in (None, {})


BAD_VALUES: list[Any] = [
    *(True, "1", -1, 1.0, 2**53, 2**63, [], ["x", 1], {"x": 1}, {}, None, "a\x00b"),
    *("x" * 10_000, ["x"] * 100, [["x"]], {"epoch": 1, "seq": "2"}),
]


@BOTH
@pytest.mark.parametrize(("message", "attribute"), fields())
def test_a_field_of_the_wrong_type_or_size_is_refused(
    message: Any, attribute: Any, subprotocol: str
) -> None:
    """[W1.4] [W1.6] Taken exactly as sent, or bad_request: never bent into shape."""
    outcomes = [
        outcome_of({**plain(message), attribute.name: bad}, attribute.name, subprotocol)
        for bad in BAD_VALUES
    ]
    refusals = [found for found in outcomes if isinstance(found, Unreadable)]
    assert len(refusals) >= len(BAD_VALUES) - 5
    assert {error.code for error in refusals} <= {"bad_request", "limit_exceeded"}
    if hasattr(message, "ref") and attribute.name != "ref":
        assert {error.ref for error in refusals} == {message.ref}
    for bad, found in zip(BAD_VALUES, outcomes, strict=True):
        if not isinstance(found, Unreadable):
            taken = list(found) if isinstance(found, tuple) else found
            assert (type(taken), taken) == (type(bad), bad)


@BOTH
@pytest.mark.parametrize(("message", "attribute"), fields())
def test_deep_nesting_is_refused_before_structuring(
    message: Any, attribute: Any, subprotocol: str
) -> None:
    """[W1.6] Anywhere in a message, known field or not."""
    deep: Any = 1
    for _ in range(NESTING_MAX + 5):
        deep = [deep]
    for name in (attribute.name, "unknown"):
        error = refuse({**plain(message), name: deep}, subprotocol)
        assert error.code == "bad_request"
        assert "nested" in error.message or name != "unknown"


@BOTH
def test_nesting_up_to_the_bound_is_fine(subprotocol: str) -> None:
    """[W1.6] NESTING_MAX containers inside each other, also beside many others."""
    deep: Any = [1]
    for _ in range(NESTING_MAX - 3):
        deep = [deep, [], {}]
    call = Call(ref=1, target="a:b", op="o", args={"deep": deep, "wide": [[]] * 1_000})
    assert decode(encode_client(call, subprotocol), subprotocol) == call
    deeper = {**plain(call), "args": {"deep": [deep]}}
    assert "nested" in refuse(deeper, subprotocol).message


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.TAG)
def test_text_that_is_not_utf8_ends_the_connection(message: Any) -> None:
    """[W1.5] 1007, as RFC 6455 wants; in MessagePack it is one bad string: bad_request."""
    raw = encode_client(message, SUBPROTOCOL_JSON)[:-1] + b',"z":"\xff\xfe"}'
    with pytest.raises(ProtocolViolation) as caught:
        decode(raw, SUBPROTOCOL_JSON)
    assert caught.value.close_code == 1007
    packed = dump({**plain(message), "z": "zz"}, SUBPROTOCOL_MSGPACK).replace(b"zz", b"\xff\xfe")
    with pytest.raises(Unreadable):
        decode(packed, SUBPROTOCOL_MSGPACK)


@pytest.mark.parametrize(
    "payload",
    [b"", b"nul", b"[]", b'"x"', b"1", b'{"t":"ping","n":NaN}', b'{"t":"ping","n":Infinity}',
     b'{"t":"ping","n":1e999}', b'{"t":"ping","n":1}x', b"[" * 100_000, b'{"t":1,"n":1}', b"{}",
     b'{"t":"hello","token":"\\ud800"}', b'{"t":"hello","token":"\\u0000"}', b'{"t":["ping"]}',
     b'{"t":"ping","n":99999999999999999999999}'],
)  # fmt: skip
def test_bad_json_is_refused(payload: bytes) -> None:
    """[W1.4] NaN and Infinity are no JSON; NUL and lone surrogates are no text."""
    with pytest.raises(Unreadable) as caught:
        decode(payload, SUBPROTOCOL_JSON)
    assert caught.value.code == "bad_request"


def test_the_last_of_duplicate_keys_wins() -> None:
    """[W1.4] As everywhere in JSON."""
    assert decode(b'{"t":"ping","n":1,"n":2}', SUBPROTOCOL_JSON) == Ping(n=2)


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xc1", b"\x81", msgpack.packb([]), msgpack.packb({1: 2}), b"\x91" * 100_000,
     msgpack.packb({"t": "ping", "n": float("nan")}), msgpack.packb({"t": "ping", "n": 1}) + b"x",
     msgpack.packb({"t": "ping", "n": msgpack.Timestamp(1)}), b"\xdd\xff\xff\xff\xff",
     msgpack.packb({b"t": "ping", "n": 1}), b"\xdf\xff\xff\xff\xff" + b"\xc0" * 20],
)  # fmt: skip
def test_bad_messagepack_is_refused(payload: bytes) -> None:
    """[W1.4] Truncated, trailing, foreign types, claimed lengths that are not there."""
    with pytest.raises(Unreadable) as caught:
        decode(payload, SUBPROTOCOL_MSGPACK)
    assert caught.value.code == "bad_request"


@BOTH
@pytest.mark.parametrize("ref", [0, REF_MAX, -1, "1", True, None, REF_MAX + 1])
def test_an_unknown_tag_is_unknown_type_under_its_ref_if_that_is_valid(
    subprotocol: str, ref: Any
) -> None:
    """[W1.3] So that a newer client can fall back."""
    error = refuse({"t": "brand.new", "ref": ref}, subprotocol)
    assert error.code == "unknown_type"
    assert error.ref == (ref if type(ref) is int and 0 <= ref <= REF_MAX else None)


@BOTH
def test_frames_and_presence_are_bounded(subprotocol: str) -> None:
    """[W1.6] FRAME_BYTES_MAX for all, PRESENCE_BYTES_MAX for what others get to see."""
    assert refuse({"t": "x", "z": "x" * FRAME_BYTES_MAX}, subprotocol).code == "limit_exceeded"
    large = plain(SetPresence(target="a:b", state={"x": "x" * PRESENCE_BYTES_MAX}))
    assert refuse(large, subprotocol).code == "limit_exceeded"


def test_bytes_are_base64_in_json_and_native_in_messagepack() -> None:
    """[W1.2] Wherever a value holds them, also inside plain structures."""
    reply = Reply(ref=1, value={"b": b"\x00\xff", "t": (1, {2})}, seq=None)
    (text,) = split_frames(encode(reply, SUBPROTOCOL_JSON))
    assert orjson.loads(text)["value"] == {"b": "AP8=", "t": [1, [2]]}
    (binary,) = split_frames(encode(reply, SUBPROTOCOL_MSGPACK))
    assert msgpack.unpackb(binary)["value"] == {"b": b"\x00\xff", "t": [1, [2]]}


@BOTH
def test_an_event_frame_is_encoded_once(subprotocol: str) -> None:
    """[W5.8] All receivers share the bytes."""
    frame = EventFrame("a:b", 1, 2, [{"seq": 2}])
    assert frame.bytes_for(subprotocol) is frame.bytes_for(subprotocol)
    (payload,) = split_frames(frame.bytes_for(subprotocol))
    message = decode_server(payload, subprotocol)
    assert (message.after, message.seq) == (1, 2)  # type: ignore[union-attr]


@pytest.mark.parametrize("full", [True, False])
@BOTH
def test_a_long_list_of_those_present_takes_several_messages(subprotocol: str, full: bool) -> None:
    """[W5.10] Only the first replaces what a client holds; together they hold everybody once."""
    state = {"x": "\x01" * (PRESENCE_BYTES_MAX - 3)}  # Nothing grows more in JSON.
    sessions = {f"s{n}": {"user": "u" * 128, "state": state} for n in range(600)}
    frame = PresenceFrame("a:b", sessions, full=full)
    payloads = split_frames(frame.bytes_for(subprotocol))
    assert max(map(len, payloads)) <= SERVER_FRAME_BYTES_MAX
    messages = [decode_server(payload, subprotocol) for payload in payloads]
    parts = [message for message in messages if isinstance(message, PresenceChanged)]
    assert [part.full for part in parts] == [full, False, False]
    assert [len(part.sessions) for part in parts] == [256, 256, 88]
    assert {s: m for part in parts for s, m in part.sessions.items()} == sessions
    nobody = PresenceFrame("a:b", {}, full=True)
    assert list(nobody.messages()) == [PresenceChanged(target="a:b", sessions={}, full=True)]


SERVER_EXAMPLES: list[ServerMessage] = [
    Welcome(session="s", user="u", now_ms=1, expires_at_ms=2, keepalive_ms=3),
    Reply(ref=1, value={"a": [1, None]}, seq=2),
    Error(ref=1, code="c", message="m", retryable=True, retry_after_ms=5, error_id="e"),
    Snapshot(ref=1, target="a:b", epoch="e", seq=2, topics={"x": [1]}),
    Resumed(ref=1, target="a:b", epoch="e", seq=2),
    Reset(ref=1, target="a:b", reason="r", epoch="e", seq=2, topics={}),
    Events(target="a:b", after=1, seq=2, events=({"seq": 2, "data": {}},)),
    PresenceChanged(target="a:b", sessions={"s": {"user": "u"}, "t": None}, full=True),
    Ended(ref=1, target="a:b", code="c", message="m", retryable=True),
    Pong(n=1),
    Goodbye(reason="r", reconnect_after_ms=1),
]


@BOTH
@pytest.mark.parametrize("message", SERVER_EXAMPLES, ids=lambda message: message.TAG)
def test_server_messages_survive_the_wire(message: ServerMessage, subprotocol: str) -> None:
    """[W1.2] As the client reads them."""
    assert {type(example) for example in SERVER_EXAMPLES} == set(get_args(ServerMessage))
    (payload,) = split_frames(encode(message, subprotocol))
    assert decode_server(payload, subprotocol) == message


@given(payload=st.binary(max_size=60))
def test_random_bytes_are_refused_with_a_typed_error(payload: bytes) -> None:
    """[W1.4] Nothing but Unreadable and ProtocolViolation leaves."""
    for subprotocol in SUBPROTOCOLS:
        with suppress(Unreadable, ProtocolViolation):
            decode(payload, subprotocol)


@given(place=st.integers(0, 200), byte=st.integers(0, 255), which=st.sampled_from(EXAMPLES))
def test_a_flipped_byte_is_a_message_or_a_typed_error(
    place: int, byte: int, which: ClientMessage
) -> None:
    """[W1.4] Mutations of every message, both encodings."""
    for subprotocol in SUBPROTOCOLS:
        raw = bytearray(encode_client(which, subprotocol))
        raw[place % len(raw)] = byte
        with suppress(Unreadable, ProtocolViolation):
            decode(bytes(raw), subprotocol)
