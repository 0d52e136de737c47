from __future__ import annotations

import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio

from protocol.frames import ping_frame, server_frame
from protocol.lane import Lane
from protocol.limits import FAST_RUN_MAX, GOODBYE_TIMEOUT_S
from protocol.port import PortConfig
from protocol.transport import CloseReason, ServerSocket
from tests.protocol.transport.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    RawClient,
    close_payload,
    frame,
    open_stream,
    start_port,
    upgrade_request,
)

HALF_FRAME_BYTES = 60_000


class Session:
    """A handler whose socket the test holds."""

    def __init__(self) -> None:
        self.socket: ServerSocket
        self.opened = trio.Event()
        self.seen: list[bytes] = []
        self.came = trio.Event()
        self.drained = trio.Event()
        self.ended = trio.Event()
        self.reason: CloseReason | None = None
        self.error: Exception | None = None
        self.answer: Callable[[bytes], Awaitable[None] | None] = lambda _: None

    async def handle(self, socket: ServerSocket) -> None:
        self.socket = socket
        self.opened.set()
        try:
            self.reason = await socket.serve(self.take, self.drained.set)
        except ArithmeticError as error:
            self.error = error
            raise
        finally:
            self.ended.set()

    def take(self, is_text: bool, payload: bytes) -> Awaitable[None] | None:
        assert isinstance(is_text, bool)
        self.seen.append(payload)
        self.came.set()
        self.came = trio.Event()
        return self.answer(payload)

    async def until_seen(self, *payloads: bytes) -> None:
        """Wait for exactly these messages."""
        while self.seen != list(payloads):
            assert len(self.seen) < len(payloads), self.seen
            await self.came.wait()


@asynccontextmanager
async def connected(session: Session, request: bytes | None = None) -> AsyncIterator[RawClient]:
    async with trio.open_nursery() as nursery:
        port = await start_port(nursery, PortConfig(), session.handle)
        async with await open_stream(port) as stream:
            client = RawClient(stream)
            await client.send(request or upgrade_request())
            assert (await client.read_response())[0] == 101
            await session.opened.wait()
            yield client
        nursery.cancel_scope.cancel()


@pytest.fixture
def session() -> Session:
    return Session()


async def test_the_request_is_at_hand(session: Session) -> None:
    """[T1.2] Path, query, headers and peer are the client's own."""
    extra = ["X-Mine: 1", "Sec-WebSocket-Protocol: x, two"]
    async with connected(session, upgrade_request("/%77s?token=a%20b", extra=extra)):
        socket = session.socket
        assert (socket.path, socket.query, socket.subprotocol) == ("/ws", "token=a%20b", "two")
        assert (b"x-mine", b"1") in socket.headers
        assert socket.peer.startswith("127.0.0.1:")


async def test_frames_sent_with_the_request_are_not_lost(session: Session) -> None:
    """[T1.3] A client that does not wait for the 101."""
    hasty = upgrade_request() + frame(TEXT, b"early") + frame(CLOSE)
    async with connected(session, hasty) as client:
        assert await client.read_close() == 1005
        assert session.seen == [b"early"]


async def test_a_write_needs_no_task_while_the_kernel_takes_it(session: Session) -> None:
    """[T2.1] The bytes are gone when write() returns."""
    async with connected(session) as client:
        before = trio.lowlevel.current_statistics().tasks_living
        taken = session.socket.taken_bytes
        session.socket.write(server_frame(b"now", is_text=True))
        assert session.socket.taken_bytes - taken == 5
        assert session.socket.backlog_bytes == session.socket.backlog_frames == 0
        assert trio.lowlevel.current_statistics().tasks_living == before
        assert await client.read_frame() == (TEXT, b"now")


async def test_a_reader_that_stops_costs_nobody_else(session: Session) -> None:
    """[T2.2] write() never waits: what the kernel does not take is counted, in order."""
    async with connected(session) as client:
        chunk = server_frame(b"x" * 65_536, is_text=False)
        written = 0
        handshake = session.socket.taken_bytes
        while session.socket.backlog_bytes < 500_000:
            session.socket.write(chunk)
            written += 1
        assert session.socket.backlog_frames >= 7
        taken = session.socket.taken_bytes - handshake
        assert taken + session.socket.backlog_bytes == written * len(chunk)
        await client.send(frame(TEXT, b"still heard"))
        await session.until_seen(b"still heard")
        session.socket.write(server_frame(b"last", is_text=True))
        for _ in range(written):
            assert await client.read_frame() == (2, b"x" * 65_536)
        assert await client.read_frame() == (TEXT, b"last")
        await session.drained.wait()
        assert session.socket.backlog_bytes == session.socket.backlog_frames == 0
        assert session.socket.taken_bytes == handshake + written * len(chunk) + 6


async def test_pongs_join_the_backlog_at_frame_boundaries(session: Session) -> None:
    """[T2.3] trio-websocket's frames never land inside ours."""
    async with connected(session) as client:
        chunk = server_frame(b"x" * 300_000, is_text=False)
        while session.socket.backlog_bytes == 0:
            session.socket.write(chunk)
        await client.send(frame(PING, b"p") + frame(TEXT, b"mark"))
        await session.until_seen(b"mark")
        session.socket.write(server_frame(b"end", is_text=True))
        seen: list[tuple[int, bytes]] = []
        while not seen or seen[-1] != (TEXT, b"end"):
            seen.append(await client.read_frame())
        assert seen[-2:] == [(0xA, b"p"), (TEXT, b"end")]
        assert {len(payload) for opcode, payload in seen if opcode == 2} == {300_000}


async def test_the_backlog_drains_while_more_is_written(session: Session) -> None:
    """[T2.2] Many writes of many sizes arrive whole and in order."""
    async with connected(session) as client:
        sent = [b"%d" % n * (n * 37 % 4_001) for n in range(2_000)]

        async def write() -> None:
            for payload in sent:
                session.socket.write(server_frame(payload, is_text=True))
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            for payload in sent:
                assert await client.read_frame() == (TEXT, payload)


async def test_reading_waits_for_what_on_message_returned(session: Session) -> None:
    """[T3.8] Back-pressure, for fast and slow messages alike."""
    gate = trio.Event()

    async def wait() -> None:
        await gate.wait()

    session.answer = lambda _: wait()
    async with connected(session) as client:
        await client.send(frame(TEXT, b"1") + frame(TEXT, b"2") + frame(PING, b"p"))
        await session.until_seen(b"1")
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert session.seen == [b"1"]
        gate.set()
        assert await client.read_frame() == (0xA, b"p")
        assert session.seen == [b"1", b"2"]
        gate = trio.Event()
        await client.send(frame(TEXT, b"3", fin=False) + frame(CONTINUATION) + frame(TEXT, b"4"))
        await session.until_seen(b"1", b"2", b"3")
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert session.seen == [b"1", b"2", b"3"]
        gate.set()
        await session.until_seen(b"1", b"2", b"3", b"4")


async def test_many_messages_at_once_are_handed_over_in_order(session: Session) -> None:
    """[T9.3] More than one turn takes, with a ping in the middle that wsproto has to see."""
    async with connected(session) as client:
        texts = [b"%d" % number for number in range(3 * FAST_RUN_MAX)]
        frames = [frame(TEXT, text) for text in texts]
        frames.insert(FAST_RUN_MAX // 2, frame(PING, b"?"))
        await client.send(b"".join(frames))
        assert await client.read_frame() == (PONG, b"?")
        while len(session.seen) < len(texts):
            await session.came.wait()
        assert session.seen == texts


@pytest.mark.parametrize("way", ["messages", "while closing", "fragments"])
async def test_a_flood_stops_nobody_else(session: Session, way: str) -> None:
    """[T9.3] A client that sends as fast as it can, served or already closing: others live on."""
    fragmented = frame(TEXT, b"", fin=False) + frame(CONTINUATION, b"", fin=False) * 500
    floods = {
        "messages": frame(TEXT, b"x" * 1_500) * 40,
        "while closing": frame(TEXT, b"") * 5_000,
        "fragments": (fragmented + frame(CONTINUATION, b"")) * 20,
    }
    async with connected(session) as client, trio.open_nursery() as nursery:
        if way == "while closing":
            session.answer = lambda _: session.socket.close_soon(4400, "enough")
        flood = floods[way]

        async def send_on() -> None:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                while True:
                    await client.send(flood)

        nursery.start_soon(send_on)
        longest_s, last_s = 0.0, time.perf_counter()
        for _ in range(50):
            await trio.sleep(0.01)
            now_s = time.perf_counter()
            longest_s, last_s = max(longest_s, now_s - last_s), now_s
        nursery.cancel_scope.cancel()
    assert longest_s < 0.4


@pytest.mark.parametrize("is_slow", [False, True])
async def test_what_on_message_raises_ends_serve_with_it(
    session: Session, is_slow: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """[T6.1] The peer gets 1011, the log the traceback, the port goes on."""

    def fail(payload: bytes) -> None:
        raise ArithmeticError(payload)

    session.answer = fail
    async with connected(session) as client:
        await client.send(frame(TEXT, b"a", fin=not is_slow) + frame(CONTINUATION) * is_slow)
        assert await client.read_close() == 1011
        await client.send(frame(CLOSE) * is_slow)
        await session.ended.wait()
        assert isinstance(session.error, ArithmeticError)
        assert session.seen == [b"a"]
        await client.read_to_end()
    assert "handler failed" in caplog.text


async def test_a_fault_while_the_port_is_cancelled_ends_nothing_else(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """[T6.1] A handler that fails just before the end is in the log, and that is all."""

    def fail(payload: bytes) -> None:
        raise ArithmeticError(payload)

    session.answer = fail
    async with connected(session) as client:
        await client.send(frame(TEXT, b"a", fin=False) + frame(CONTINUATION))
        assert await client.read_close() == 1011  # Our half of the handshake waits for the other.
    assert "handler failed" in caplog.text


async def test_a_close_that_begins_as_the_port_is_cancelled_is_no_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """[T5.3] The socket is finished before the handshake began: there is nobody to shake hands."""
    for _ in range(20):  # Which of the two tasks goes first is trio's whim.
        with trio.CancelScope() as scope:
            leave = partial(_leave, scope)
            async with trio.open_nursery() as nursery:
                port = await start_port(nursery, PortConfig(), leave)
                async with await open_stream(port) as stream:
                    await RawClient(stream).open()
                    await trio.sleep_forever()
    assert caplog.text == ""


async def _leave(scope: trio.CancelScope, socket: ServerSocket) -> None:
    socket.close_soon(1001)
    scope.cancel()


async def test_close_shakes_hands(session: Session) -> None:
    """[T5.2] Code and reason go out after the backlog; nothing is handed over meanwhile."""
    async with connected(session) as client, trio.open_nursery() as nursery:
        session.socket.write(server_frame(b"last", is_text=True))
        nursery.start_soon(session.socket.close, 4401, "who are you")
        assert await client.read_frame() == (TEXT, b"last")
        assert await client.read_frame() == (CLOSE, close_payload(4401, b"who are you"))
        session.socket.write(server_frame(b"never", is_text=True))
        await client.send(frame(TEXT, b"unheard") + frame(PING, b"unanswered"))
        await client.send(frame(TEXT, b"un", fin=False) + frame(CONTINUATION, b"heard"))
        await client.send(frame(CLOSE, close_payload(4401)))
        assert await client.read_to_end() == b""
        await session.ended.wait()
        assert session.reason == CloseReason(4401, "who are you")
        assert session.seen == []
        await session.socket.close()
        session.socket.abort()


async def test_close_is_bounded(session: Session, clock: trio.testing.MockClock) -> None:
    """[T5.3] A peer that never answers is cut off; close is idempotent and may be shared."""
    async with connected(session) as client:
        started = clock.current_time()
        async with trio.open_nursery() as nursery:
            session.socket.close_soon(1001)
            nursery.start_soon(session.socket.close, 1000)
            nursery.start_soon(session.socket.close, 1011)
        assert clock.current_time() - started == pytest.approx(GOODBYE_TIMEOUT_S)
        await session.ended.wait()
        assert session.reason == CloseReason(1001)
        assert await client.read_close() == 1001
        assert await client.read_to_end() == b""


async def test_close_goes_on_without_its_caller(session: Session) -> None:
    """[T5.3] A cancelled caller changes nothing for the peer."""
    async with connected(session) as client:
        with trio.CancelScope() as scope:
            scope.cancel()
            await session.socket.close(1001, "going")
        assert scope.cancelled_caught
        assert await client.read_frame() == (CLOSE, close_payload(1001, b"going"))
        await client.send(frame(CLOSE, close_payload(1001)))
        await session.ended.wait()
        assert session.reason == CloseReason(1001, "going")


async def test_close_soon_may_be_called_from_on_message(session: Session) -> None:
    """[T5.4] The rest of the chunk is not handed over."""
    session.answer = lambda _: session.socket.close_soon(1008, "enough")
    async with connected(session) as client:
        await client.send(frame(TEXT, b"1") + frame(TEXT, b"2"))
        assert await client.read_close() == 1008
        await client.send(frame(CLOSE, close_payload(1008)))
        await session.ended.wait()
        assert session.seen == [b"1"]
        assert session.reason == CloseReason(1008, "enough")


async def test_a_close_reason_is_cut_at_a_character(session: Session) -> None:
    """[T5.2] 123 bytes fit."""
    async with connected(session) as client:
        session.socket.close_soon(4400, "é" * 100)
        assert await client.read_frame() == (CLOSE, close_payload(4400, "é".encode() * 61))


async def test_abort_ends_at_once(session: Session) -> None:
    """[T5.5] The backlog is forgotten; serve returns 1006; later calls do nothing."""
    async with connected(session) as client:
        while session.socket.backlog_bytes == 0:
            session.socket.write(server_frame(b"x" * 500_000, is_text=False))
        session.socket.abort()
        assert session.socket.backlog_bytes == 0
        await session.ended.wait()
        assert session.reason == CloseReason(1006, "aborted")
        session.socket.write(b"late")
        session.socket.close_soon(1000)
        await session.socket.close()
        assert b"late" not in await client.read_to_end()


async def test_the_peers_close_is_told(session: Session) -> None:
    """[T5.1] With its code and reason."""
    async with connected(session) as client:
        await client.send(frame(CLOSE, close_payload(4000, b"done")))
        await session.ended.wait()
        assert session.reason == CloseReason(4000, "done", by_peer=True)


async def test_a_lost_peer_is_1006(session: Session) -> None:
    """[T5.6] The end of the stream without a close frame, also in the middle of a frame."""
    async with connected(session) as client:
        await client.send(frame(TEXT, b"whole") + frame(TEXT, b"half of it")[:7])
        await client.stream.aclose()
        await session.ended.wait()
        assert session.seen == [b"whole"]
        assert session.reason == CloseReason(1006)


async def test_a_broken_socket_ends_serve(session: Session) -> None:
    """[T5.6] The first write that the kernel refuses; no error reaches the writer."""
    async with connected(session) as client:
        stream = client.stream
        assert isinstance(stream, trio.SocketStream)
        stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await stream.aclose()  # Resets.
        while session.reason is None:
            session.socket.write(ping_frame(b"there?"))
            await trio.lowlevel.checkpoint()
        assert session.reason.code == 1006


async def test_a_handler_that_returns_closes_its_socket(nursery: trio.Nursery) -> None:
    """[T5.7] With 1000, without having served."""

    async def leave(socket: ServerSocket) -> None:
        socket.write(server_frame(b"bye", is_text=True))

    port = await start_port(nursery, PortConfig(), leave)
    async with await open_stream(port) as stream:
        client = RawClient(stream)
        await client.open()
        assert await client.read_frame() == (TEXT, b"bye")
        assert await client.read_close() == 1000
        await client.send(frame(CLOSE, close_payload(1000)))
        assert await client.read_to_end() == b""


async def test_signs_of_life_are_counted(session: Session) -> None:
    """[T7.2] Also a pong, which nobody else sees."""
    async with connected(session) as client:
        before = session.socket.received_bytes
        await client.send(frame(0xA, b"here") + frame(TEXT, b"x"))
        await session.until_seen(b"x")
        assert session.socket.received_bytes - before == 17


async def test_half_a_frame_is_forgotten_with_its_connection(session: Session) -> None:
    """[F5.3] Although the connection's objects may live on until garbage is looked for."""
    async with connected(session) as client:
        await client.send(frame(BINARY, bytes(HALF_FRAME_BYTES))[:-1])
        with trio.fail_after(5):
            while session.socket.received_bytes < HALF_FRAME_BYTES:  # noqa: ASYNC110 -- a counter
                await trio.sleep(0.01)
        assert max(_held_by_lanes()) >= HALF_FRAME_BYTES - 100
    assert session.ended.is_set()
    assert max(_held_by_lanes()) < 100


def _held_by_lanes() -> list[int]:
    gc.collect()  # What other tests have left.
    lanes = [one for one in gc.get_objects() if isinstance(one, Lane)]
    held = [each for lane in lanes for each in gc.get_referents(lane) if isinstance(each, bytes)]
    return [len(each) for each in held]
