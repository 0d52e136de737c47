"""Messages of both client families. N4."""

from __future__ import annotations

from random import Random

import pytest

from protocol.yjs import (
    AwarenessUpdate,
    FrameRefused,
    PermissionDenied,
    QueryAwareness,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
    YjsMessage,
    decode_message,
    encode_message,
)
from protocol.yjs.hocuspocus import (
    SCOPE_READ_ONLY,
    Authenticated,
    BroadcastStateless,
    Close,
    Envelope,
    HocuspocusBody,
    Ping,
    Pong,
    Stateless,
    SyncReply,
    SyncStatus,
    Token,
    TokenRequest,
    decode_hocuspocus,
    encode_hocuspocus,
    split_name,
)
from protocol.yjs.limits import DOCUMENT_NAME_BYTES_MAX, TOKEN_BYTES_MAX, UPDATE_BYTES_MAX
from protocol.yjs.reader import varuint

UPDATE = bytes.fromhex("01015b0004010174026869 00")

MESSAGES: dict[str, tuple[str, YjsMessage]] = {
    "step 1": ("00 00 01 00", SyncStep1(b"\0")),
    "step 2": ("00 01 02 0000", SyncStep2(b"\0\0")),
    "update": ("00 02 0c 01015b000401017402686900", SyncUpdate(UPDATE)),
    "awareness": ("01 01 00", AwarenessUpdate(b"\0")),
    "permission denied": ("02 00 02 6e6f", PermissionDenied("no")),
    "query awareness": ("03", QueryAwareness()),
}
BODIES: dict[str, tuple[str, HocuspocusBody]] = {
    "step 1": ("00 00 01 00", SyncStep1(b"\0")),
    "step 2": ("00 01 02 0000", SyncStep2(b"\0\0")),
    "update": ("00 02 0c 01015b000401017402686900", SyncUpdate(UPDATE)),
    "awareness": ("01 01 00", AwarenessUpdate(b"\0")),
    "token": ("02 00 01 78", Token("x")),
    "token with version": ("02 00 01 78 05 342e382e30", Token("x", "4.8.0")),
    "token request": ("02 00", TokenRequest()),
    "permission denied": ("02 01 02 6e6f", PermissionDenied("no")),
    "authenticated": ("02 02 08 726561646f6e6c79", Authenticated(SCOPE_READ_ONLY)),
    "query awareness": ("03", QueryAwareness()),
    "sync reply": ("04 00 01 00", SyncReply(SyncStep1(b"\0"))),
    "stateless": ("05 02 6869", Stateless("hi")),
    "broadcast stateless": ("06 02 6869", BroadcastStateless("hi")),
    "close by a client": ("07", Close()),
    "close by the server": ("07 03 627965", Close("bye")),
    "applied": ("08 01", SyncStatus(applied=True)),
    "not applied": ("08 00", SyncStatus(applied=False)),
}
NAME = "m1"
HEAD = "02 6d31 "


@pytest.mark.parametrize("name", MESSAGES)
def test_y_websocket_messages_are_what_y_protocols_writes(name: str) -> None:
    """[N14.4] Every message has one encoding, read and written."""
    encoded, message = MESSAGES[name]
    assert encode_message(message) == bytes.fromhex(encoded)
    assert decode_message(bytes.fromhex(encoded)) == message


@pytest.mark.parametrize("name", BODIES)
def test_hocuspocus_messages_are_what_its_provider_writes(name: str) -> None:
    """[N14.5] Every message has one encoding, read and written."""
    encoded, body = BODIES[name]
    message = Envelope(NAME, body)
    assert encode_hocuspocus(message) == bytes.fromhex(HEAD + encoded)
    assert decode_hocuspocus(bytes.fromhex(HEAD + encoded)) == message


def test_ping_and_pong_are_one_byte() -> None:
    """[N14.5] They belong to no document."""
    assert decode_hocuspocus(b"\x09") == Ping()
    assert decode_hocuspocus(b"\x0a") == Pong()
    assert encode_hocuspocus(Ping()) == b"\x09"
    assert encode_hocuspocus(Pong()) == b"\x0a"


def test_a_name_may_carry_a_session() -> None:
    """[N14.5] A provider with session awareness puts its session behind the document's name."""
    message = decode_hocuspocus(bytes.fromhex("05 6d31 00 7871 03"))
    assert isinstance(message, Envelope)
    assert split_name(message.name) == ("m1", "xq")
    assert split_name("m1") == ("m1", None)


REFUSED = {
    "nothing": ("truncated", ""),
    "an unknown message": ("unknown_message", "04"),
    "an unknown step": ("unknown_message", "00 03 00"),
    "an unknown answer to auth": ("unknown_message", "02 01 00"),
    "a cut update": ("truncated", "00 02 05 00"),
    "a claimed length": ("too_large", "00 02 " + varuint(UPDATE_BYTES_MAX + 1).hex()),
    "two messages": ("trailing_bytes", "03 03"),
    "a reason that is not UTF-8": ("bad_text", "02 00 01 ff"),
    "a long integer": ("bad_varint", "ff" * 300),
}
REFUSED_ENVELOPES = {
    "nothing": ("truncated", ""),
    "a name alone": ("truncated", HEAD),
    "an unknown message": ("unknown_message", HEAD + "0b"),
    "an unknown step of auth": ("unknown_message", HEAD + "02 03"),
    "a long name": ("too_large", varuint(DOCUMENT_NAME_BYTES_MAX + 1).hex()),
    "a long token": ("too_large", HEAD + "02 00" + varuint(TOKEN_BYTES_MAX + 1).hex()),
    "two messages": ("trailing_bytes", HEAD + "03 03"),
    "a ping with something behind": ("truncated", "09 00"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_malformed_messages_are_refused_with_their_reason(name: str) -> None:
    """[N14.6] Nothing is guessed, and nothing is read past its bounds."""
    code, encoded = REFUSED[name]
    with pytest.raises(FrameRefused) as refused:
        decode_message(bytes.fromhex(encoded))
    assert refused.value.code == code


@pytest.mark.parametrize("name", REFUSED_ENVELOPES)
def test_malformed_envelopes_are_refused_with_their_reason(name: str) -> None:
    """[N14.6] The same for Hocuspocus clients."""
    code, encoded = REFUSED_ENVELOPES[name]
    with pytest.raises(FrameRefused) as refused:
        decode_hocuspocus(bytes.fromhex(encoded))
    assert refused.value.code == code


def test_noise_raises_nothing_but_refusals() -> None:
    """[N14.6] Whatever the bytes: a refusal, or a message that is written back the same."""
    rng = Random(5)
    seen = 0
    for _ in range(20_000):
        noise = bytes(rng.randrange(12) for _ in range(rng.randrange(1, 12)))
        try:
            assert encode_message(decode_message(noise)) == noise
            seen += 1
        except FrameRefused:
            pass
        try:
            message = decode_hocuspocus(noise)
        except FrameRefused:
            continue
        assert decode_hocuspocus(encode_hocuspocus(message)) == message
        seen += 1
    assert seen > 1_000
