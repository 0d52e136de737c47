"""RFC 6455 over real sockets, after the cases of the Autobahn test suite (numbers in comments)."""

from __future__ import annotations

import pytest
import trio
import trio_websocket
import websockets.sync.client

from protocol.port import BoundPort
from tests.protocol.transport.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FRAME_BYTES_MAX,
    PING,
    PONG,
    TEXT,
    RawClient,
    close_payload,
    fragments,
    frame,
)

MESSAGES: list[str | bytes] = ["hi", b"", "é" * 50_000, b"x" * 200_000]
SIZES = [0, 1, 125, 126, 127, 128, 65_535, 65_536, FRAME_BYTES_MAX]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_messages_of_every_length_form_come_back(
    raw: RawClient, opcode: int, size: int
) -> None:
    """[T3.2] (1.*) Empty, small, and around each form of the length, up to the bound."""
    await raw.send(frame(opcode, b"*" * size))
    assert await raw.read_frame() == (opcode, b"*" * size)


async def test_a_message_in_chops_comes_back(raw: RawClient) -> None:
    """[T3.1] (1.1.6, 6.4.4) Half frames wait for their other half."""
    for byte in frame(TEXT, "Hello-µ@ßöäüàá-UTF-8!!".encode()):
        await raw.send(bytes((byte,)))
    assert await raw.read_frame() == (TEXT, "Hello-µ@ßöäüàá-UTF-8!!".encode())


@pytest.mark.parametrize("payload", [b"", b"Hello", b"\x00\xff\xfe", b"*" * 125])
async def test_pings_are_answered_with_their_payload(raw: RawClient, payload: bytes) -> None:
    """[T3.7] (2.1 to 2.4)"""
    await raw.send(frame(PING, payload))
    assert await raw.read_frame() == (PONG, payload)


async def test_ten_pings_are_answered_in_order_among_messages(raw: RawClient) -> None:
    """[T3.7] (2.10) Pongs and messages leave in the order of what they answer."""
    await raw.send(b"".join(frame(PING, b"%d" % n) + frame(TEXT, b"m%d" % n) for n in range(10)))
    seen = [await raw.read_frame() for _ in range(20)]
    assert sorted(seen) == sorted(
        [(PONG, b"%d" % n) for n in range(10)] + [(TEXT, b"m%d" % n) for n in range(10)]
    )
    assert [payload for opcode, payload in seen if opcode == TEXT] == [
        b"m%d" % n for n in range(10)
    ]
    assert [payload for opcode, payload in seen if opcode == PONG] == [b"%d" % n for n in range(10)]


async def test_an_unasked_pong_is_ignored(raw: RawClient) -> None:
    """[T3.7] (2.7 to 2.9)"""
    await raw.send(frame(PONG, b"unasked") + frame(PING, b"p"))
    assert await raw.read_frame() == (PONG, b"p")


BROKEN = {
    "ping of 126 bytes (2.5)": frame(PING, b"*" * 126),
    "fragmented ping (5.1)": frame(PING, b"p", fin=False),
    "reserved bit 1 (3.1)": frame(TEXT, b"t", rsv=4),
    "reserved bit 3 on a ping (3.5)": frame(PING, b"t", rsv=1),
    "opcode 3 (4.1)": frame(3),
    "opcode 7 (4.1)": frame(7, b"x"),
    "opcode 11 (4.2)": frame(11),
    "opcode 15 (4.2)": frame(15, b"x"),
    "unmasked": frame(TEXT, b"t", masked=False),
    "continuation of nothing (5.9)": frame(CONTINUATION, b"x"),
    "new message inside a message (5.18)": frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"),
    "length not in its shortest form": b"\x81\xfe\x00\x05" + b"\0" * 9,
    "length of 2**63": b"\x82\xff\x80" + b"\0" * 7 + b"\0" * 4,
    "close of one byte (7.3.2)": frame(CLOSE, b"x"),
    "close of 126 bytes (7.3.6)": frame(CLOSE, close_payload(1000, b"*" * 124)),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
async def test_broken_frames_end_the_connection_with_1002(raw: RawClient, broken: bytes) -> None:
    """[T3.6] What came before is answered, the fault is named, nothing after it is handled."""
    await raw.send(frame(TEXT, b"before") + broken + frame(TEXT, b"after"))
    assert await raw.read_frame() == (TEXT, b"before")
    assert await raw.read_close() == 1002
    assert await raw.read_to_end() == b""


async def test_control_frames_are_answered_between_fragments(raw: RawClient) -> None:
    """[T3.3] (5.6 to 5.8)"""
    await raw.send(frame(TEXT, b"one", fin=False) + frame(PING, b"now"))
    assert await raw.read_frame() == (PONG, b"now")
    await raw.send(frame(CONTINUATION, b"two"))
    assert await raw.read_frame() == (TEXT, b"onetwo")


async def test_fast_and_slow_messages_keep_their_order(raw: RawClient) -> None:
    """[T3.3] A fast message does not overtake a fragmented or a large one before it."""
    large = b"L" * 100_000
    sent = [b"1", b"two", b"3", large, b"5", b"six", large, large, b"9", b""]
    encoded = [
        fragments(BINARY, *(payload[at : at + 1] for at in range(len(payload))))
        if payload in {b"two", b"six"}
        else frame(BINARY, payload)
        for payload in sent
    ]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(raw.send, b"".join(encoded) * 3)
        for _ in range(3):
            for payload in sent:
                assert await raw.read_frame() == (BINARY, payload)


INVALID_UTF8 = [
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80edited",
    b"\xff",
    b"\xc0\xaf",
    b"half \xc3",
]


@pytest.mark.parametrize("payload", INVALID_UTF8)
@pytest.mark.parametrize("size", [1, 3, 1_000, 0])
async def test_text_that_is_not_utf8_ends_with_1007(
    raw: RawClient, payload: bytes, size: int
) -> None:
    """[T3.5] (6.3, 6.4) In one frame, split anywhere across fragments, or in a large message."""
    if size == 0:
        encoded = frame(TEXT, b"x" * 70_000 + payload)
    else:
        parts = [payload[at : at + size] for at in range(0, len(payload), size)]
        encoded = fragments(TEXT, *parts) if len(parts) > 1 else frame(TEXT, payload)
    await raw.send(encoded)
    assert await raw.read_close() == 1007


async def test_characters_split_across_fragments_are_whole_again(raw: RawClient) -> None:
    """[T3.5] (6.2.3)"""
    text = "κόσμε 🎉".encode()
    await raw.send(fragments(TEXT, *(text[at : at + 1] for at in range(len(text)))))
    assert await raw.read_frame() == (TEXT, text)


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1012, 3000, 3999, 4000, 4999])
async def test_a_close_frame_is_answered_with_its_code(raw: RawClient, code: int) -> None:
    """[T5.1] (7.1.1, 7.7) Then the socket is closed."""
    await raw.send(frame(CLOSE, close_payload(code, b"bye")) + frame(TEXT, b"late"))
    assert await raw.read_frame() == (CLOSE, close_payload(code, b"bye"))
    assert await raw.read_to_end() == b""


async def test_an_empty_close_frame_is_answered_with_an_empty_one(raw: RawClient) -> None:
    """[T5.1] (7.3.1)"""
    await raw.send(frame(CLOSE))
    assert await raw.read_frame() == (CLOSE, b"")


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000])
async def test_a_close_code_that_must_not_be_sent_is_answered_with_1002(
    raw: RawClient, code: int
) -> None:
    """[T5.1] (7.9, 7.13)"""
    await raw.send(frame(CLOSE, close_payload(code)))
    assert await raw.read_close() == 1002


async def test_a_close_reason_that_is_not_utf8_is_answered_with_1007(raw: RawClient) -> None:
    """[T5.1] (7.5.1)"""
    await raw.send(frame(CLOSE, close_payload(1000, b"\xff")))
    assert await raw.read_close() == 1007


async def test_a_message_over_the_bound_is_answered_with_1009(raw: RawClient) -> None:
    """[T4.1] On its header; the bytes that still come do not turn the answer into a reset."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(raw.send, frame(BINARY, b"x" * (FRAME_BYTES_MAX + 1)))
        assert await raw.read_close() == 1009
        assert await raw.read_to_end() == b""


async def test_a_fragmented_message_over_the_bound_is_answered_with_1009(raw: RawClient) -> None:
    """[T4.2] In sum."""
    third = b"x" * (FRAME_BYTES_MAX // 2)
    await raw.send(fragments(BINARY, third, third, b"x"))
    assert await raw.read_close() == 1009


async def test_endless_empty_fragments_are_answered_with_1009(raw: RawClient) -> None:
    """[T4.3] Although they never add up to anything."""
    await raw.send(frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 5_000)
    assert await raw.read_close() == 1009


async def test_a_flood_of_pings_is_answered_with_1008(raw: RawClient) -> None:
    """[T4.4] The first ones are answered."""
    await raw.send(frame(PING) * 1_000)
    assert await raw.read_frame() == (PONG, b"")
    assert await raw.read_close() == 1008


async def test_the_websockets_library_is_served(echo_port: BoundPort) -> None:
    """[T1.1] A client of the other family: handshake, subprotocol, messages, ping, close."""

    def talk() -> None:
        address = f"ws://127.0.0.1:{echo_port.port}/ws"
        with websockets.sync.client.connect(address, subprotocols=["two", "one"]) as client:  # type: ignore[list-item]
            assert client.subprotocol == "one"
            for message in MESSAGES:
                client.send(message)
                assert client.recv() == message
            client.send(["frag", "", "ments"])
            assert client.recv() == "fragments"
            assert client.ping().wait(1)
        assert client.close_code == 1000

    await trio.to_thread.run_sync(talk)


async def test_trio_websocket_is_served(echo_port: BoundPort) -> None:
    """[T1.1] The client that our own library is built on."""
    address = f"ws://127.0.0.1:{echo_port.port}/ws"
    async with trio_websocket.open_websocket_url(address) as client:
        assert client.subprotocol is None
        for message in MESSAGES:
            await client.send_message(message)
            assert await client.get_message() == message
        await client.ping()
