from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from protocol.lane import Lane, Step, is_utf8, unmask
from protocol.limits import CONTROL_BURST, CONTROL_RATE_PER_S
from tests.protocol.transport.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    close_payload,
    fragments,
    frame,
)

BYTES_MAX = 100_000
KEY = b"\x01\x02\x03\x04"


def lane(bytes_max: int = BYTES_MAX) -> Lane:
    return Lane(frame_bytes_max=bytes_max, clock=lambda: 0.0)


def steps(subject: Lane, *chunks: bytes) -> list[tuple[Step, bytes]]:
    found = []
    for chunk in chunks:
        subject.receive(chunk)
        while (taken := subject.take()) is not None:
            found.append(taken)
    return found


class Reference:
    """wsproto, joined to whole messages: what any server must make of the bytes."""

    def __init__(self) -> None:
        self.connection = Connection(ConnectionType.SERVER)
        self.seen: list[tuple[str, str | bytes | int]] = []
        self._parts: list[str | bytes] = []

    def receive(self, data: bytes) -> None:
        if self.connection.state not in {ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING}:
            return
        if any(kind == "close" for kind, _ in self.seen):
            return
        self.connection.receive_data(data)
        for event in self.connection.events():
            self._see(event)

    def _see(self, event: Event) -> None:
        if isinstance(event, TextMessage | BytesMessage):
            self._parts.append(event.data if isinstance(event.data, str) else bytes(event.data))
            if event.message_finished:
                is_text = isinstance(event, TextMessage)
                empty: str | bytes = "" if is_text else b""
                self.seen.append(
                    ("text" if is_text else "binary", empty.join(self._parts))  # type: ignore[arg-type]
                )
                self._parts = []
        elif isinstance(event, CloseConnection):
            self.seen.append(("close", event.code))
        elif isinstance(event, Ping):
            self.seen.append(("ping", bytes(event.payload)))
        elif isinstance(event, Pong):
            self.seen.append(("pong", bytes(event.payload)))


def through_lane(chunks: list[bytes]) -> list[tuple[str, str | bytes | int]]:
    """What lane and wsproto together see: exactly what a connection does, without the sockets."""
    subject, slow = lane(), Reference()
    for chunk in chunks:
        for step, payload in steps(subject, chunk):
            if step is Step.TEXT:
                slow.seen.append(("text", payload.decode()))
            elif step is Step.BINARY:
                slow.seen.append(("binary", payload))
            elif step is Step.REFUSED:
                assert subject.refusal is not None
                slow.seen.append(("close", subject.refusal[0]))
                return slow.seen
            else:
                slow.receive(payload)
    return slow.seen


payloads = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=100).map(str.encode),
    st.sampled_from([b"x" * 65_535, b"y" * 65_536, b"z" * 70_001]),
)
texts = st.text(max_size=200).map(str.encode)


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Mostly sound client frames and messages, some broken in one way."""
    kind = draw(st.integers(0, 11))
    payload = draw(payloads)
    if kind <= 2:
        return frame(TEXT, draw(texts), key=KEY)
    if kind <= 4:
        return frame(BINARY, payload, key=KEY)
    if kind == 5:
        return frame(draw(st.sampled_from([PING, PONG])), payload[:125], key=KEY)
    if kind == 6:
        return fragments(BINARY, *draw(st.lists(st.binary(max_size=40), min_size=2, max_size=5)))
    if kind == 7:
        whole = draw(texts)
        cut = draw(st.integers(0, len(whole)))
        ping = frame(PING, b"between", key=KEY)
        first, last = whole[:cut], whole[cut:]
        return frame(TEXT, first, fin=False) + ping + frame(CONTINUATION, last)
    if kind == 8:
        code = draw(st.sampled_from([1000, 1001, 1005, 1004, 999, 3000, 4999, 5000]))
        return frame(CLOSE, close_payload(code), key=KEY)
    return frame(
        draw(st.integers(0, 15)),
        payload[:125] if draw(st.booleans()) else payload,
        fin=draw(st.booleans()),
        rsv=draw(st.sampled_from([0, 0, 0, 1, 4])),
        masked=draw(st.sampled_from([True, True, False])),
        key=KEY,
    )


@given(st.lists(frames(), max_size=8).map(b"".join), st.lists(st.integers(1, 2_000), max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_split_gives_what_wsproto_gives(stream: bytes, sizes: list[int]) -> None:
    """[T3.1] However the bytes arrive, messages, pings and the end are those of wsproto."""
    chunks, at = [], 0
    for size in sizes:
        chunks.append(stream[at : at + size])
        at += size
    chunks = [chunk for chunk in [*chunks, stream[at:]] if chunk]
    reference = Reference()
    reference.receive(stream)
    assert through_lane(chunks) == reference.seen


def test_bytes_one_by_one_give_whole_messages() -> None:
    """[T3.1] Half a frame waits for its other half."""
    stream = frame(TEXT, "hé".encode()) + frame(BINARY, b"b" * 200) + fragments(TEXT, b"c", b"d")
    seen = through_lane([stream[at : at + 1] for at in range(len(stream))])
    assert seen == [("text", "hé"), ("binary", b"b" * 200), ("text", "cd")]


def test_whole_unfragmented_frames_take_the_lane() -> None:
    """[T3.2] Data up to 64 KiB in one frame never reaches wsproto; more does."""
    largest = b"x" * 65_535
    stream = frame(TEXT, b"a") + frame(BINARY, largest) + frame(BINARY, largest + b"x")
    taken = steps(lane(), stream)
    assert [step for step, _ in taken[:2]] == [Step.TEXT, Step.BINARY]
    assert taken[1][1] == largest
    assert {step for step, _ in taken[2:]} == {Step.LAST_PIECE}


def test_the_last_piece_of_a_slow_message_is_told_from_the_others() -> None:
    """[T3.3] The lane says where a slow message ends, so that nothing overtakes it."""
    first, last = frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"b")
    ping, fast = frame(PING), frame(TEXT, b"c")
    assert steps(lane(), first + ping + last + fast) == [
        (Step.PIECE, first),
        (Step.CONTROL, ping),
        (Step.LAST_PIECE, last),
        (Step.TEXT, b"c"),
    ]


def test_large_messages_are_not_passed_on_in_crumbs() -> None:
    """[T3.4] A message that trickles in byte by byte does not become a list of bytes."""
    stream = frame(BINARY, b"x" * 90_000)
    taken = steps(lane(), *(stream[at : at + 1] for at in range(len(stream))))
    assert len(taken) <= 6
    assert b"".join(piece for _, piece in taken) == stream


@pytest.mark.parametrize("declared", [BYTES_MAX + 1, 2**31, 2**62])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_declared_length_over_the_bound_is_refused_before_its_bytes(
    declared: int, opcode: int
) -> None:
    """[T4.1] 1009 on the header alone."""
    subject = lane()
    assert steps(subject, frame(opcode, length=declared)) == [(Step.REFUSED, b"")]
    assert subject.refusal is not None
    assert subject.refusal[0] == 1009
    assert steps(subject, b"more" * 10_000) == []


def test_a_small_bound_also_binds_the_lane() -> None:
    """[T4.1] The bound may be smaller than what the lane could take."""
    subject = lane(1_000)
    assert steps(subject, frame(TEXT, b"x" * 1_000))[0][0] is Step.TEXT
    assert steps(subject, frame(TEXT, b"x" * 1_001)) == [(Step.REFUSED, b"")]


def test_fragments_are_bounded_in_sum() -> None:
    """[T4.2] Many small fragments are one large message."""
    subject = lane(1_000)
    part = frame(CONTINUATION, b"x" * 400, fin=False)
    taken = steps(subject, frame(BINARY, b"x" * 400, fin=False) + part + part)
    assert [step for step, _ in taken] == [Step.PIECE, Step.PIECE, Step.REFUSED]
    assert subject.refusal is not None
    assert subject.refusal[0] == 1009


def test_endless_empty_fragments_are_refused() -> None:
    """[T4.3] Fragments are counted, for empty ones add nothing to the sum."""
    subject = lane(64_000)
    empty = frame(CONTINUATION, fin=False)
    taken = steps(subject, frame(TEXT, fin=False) + empty * 2_000)
    assert len(taken) == 64_000 // 64 + 1
    assert taken[-1][0] is Step.REFUSED


def test_control_frames_are_bounded_in_rate() -> None:
    """[T4.4] A flood of pings ends with 1008; the allowance comes back with time."""
    now_s = 0.0
    subject = Lane(frame_bytes_max=BYTES_MAX, clock=lambda: now_s)
    ping = frame(PING)
    assert all(step is Step.CONTROL for step, _ in steps(subject, ping * CONTROL_BURST))
    now_s += 1.0
    again = steps(subject, ping * (int(CONTROL_RATE_PER_S) + 1))
    assert [step for step, _ in again].count(Step.CONTROL) == CONTROL_RATE_PER_S
    assert subject.refusal is not None
    assert subject.refusal[0] == 1008


@pytest.mark.parametrize(
    "payload", [b"\xff", b"\xce\xba\xe1\xbd", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"]
)
def test_text_that_is_not_utf8_is_refused(payload: bytes) -> None:
    """[T3.5] 1007 for a fast text that is not UTF-8."""
    subject = lane()
    assert steps(subject, frame(TEXT, payload)) == [(Step.REFUSED, b"")]
    assert subject.refusal is not None
    assert subject.refusal[0] == 1007
    assert not is_utf8(payload)


def test_after_a_close_frame_everything_is_raw() -> None:
    """[T3.6] What follows a close frame is wsproto's to ignore."""
    taken = steps(lane(), frame(CLOSE) + frame(TEXT, b"late"))
    assert [step for step, _ in taken] == [Step.CLOSE, Step.RAW]


def test_an_idle_lane_holds_no_chunk() -> None:
    """[T7.1] What was taken is not kept."""
    subject = lane()
    steps(subject, frame(BINARY, b"x" * 60_000))
    assert subject._buffer == b""


@given(st.binary(max_size=500), st.binary(min_size=4, max_size=4))
def test_unmasking_is_its_own_inverse(payload: bytes, key: bytes) -> None:
    """[T3.1] Masking is an exclusive or with the repeated key."""
    masked = unmask(payload, key)
    assert masked == bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))
    assert unmask(masked, key) == payload
