"""Every bound of the wire, with its reason. Units last in names; ``len`` counts characters."""

from __future__ import annotations

from typing import Final

# Frames and shapes, checked before anything is structured.
FRAME_BYTES_MAX: Final = 1_048_576  # A large paste fits; a hostile frame costs one parse.
FRAME_BYTES_MIN: Final = 16_384  # What an operator may lower it to: a token must still fit.
FAST_FRAME_BYTES_MAX: Final = 65_535  # Larger frames go through trio-websocket.
NESTING_MAX: Final = 16  # Deepest of our own messages is 6.
INT_MAX: Final = 2**53 - 1  # What every JSON client can count to.
REF_MAX: Final = INT_MAX
TARGET_LEN_MAX: Final = 160  # kind, colon, key
KEY_LEN_MAX: Final = 128
KIND_LEN_MAX: Final = 31
OP_LEN_MAX: Final = 64
TOPIC_LEN_MAX: Final = 64
TOPICS_MAX: Final = 16  # Of one subscription.
CLIENT_KEY_LEN_MAX: Final = 64  # A UUID with a prefix.
TOKEN_LEN_MAX: Final = 8_192  # An OIDC token with many claims is about 2 kB.
CLIENT_NAME_LEN_MAX: Final = 64
EPOCH_LEN_MAX: Final = 32
PRESENCE_BYTES_MAX: Final = 4_096  # A cursor, a selection, a name.

# One connection.
HANDSHAKE_TIMEOUT_S: Final = 10.0  # From accept to an accepted hello.
OPEN_CALLS_MAX: Final = 1_024  # Answered with limit_exceeded beyond.
SUBSCRIPTIONS_MAX: Final = 256
CALL_DEADLINE_DEFAULT_MS: Final = 30_000
CALL_DEADLINE_MAX_MS: Final = 120_000
MESSAGE_RATE_PER_S: Final = 500.0  # Refill of a connection's token bucket.
MESSAGE_BURST: Final = 2_000
MESSAGE_DEBT_MAX: Final = 1_000  # Refused messages in a row before a client that goes on is closed.
CONNECTIONS_PER_ADDRESS_MAX: Final = 10_000  # Loopback load tests need thousands; lower it outside.
FORWARDED_HOPS_MAX: Final = 32  # Proxies looked through, from the nearest on.
CONNECTIONS_MAX: Final = 20_000
KEEPALIVE_INTERVAL_S: Final = 20.0  # Below the 30 s at which proxies and y-websocket give up.
KEEPALIVE_TIMEOUT_S: Final = 20.0
LIFE_LOOK_S: Final = 6.0  # How often a connection is looked at: twice within a client's patience.
BUSY_BYTES_MIN: Final = 1_024  # In that time: a message is on its way, and not only pings.
SILENCE_TIMEOUT_S: Final = 2 * KEEPALIVE_INTERVAL_S + KEEPALIVE_TIMEOUT_S  # Two pings may be lost.
PRESENCE_HOLD_S: Final = 1.0  # Between unsubscribe and subscribe of a target: a slow round trip.
DEADLINE_TICK_S: Final = 0.05  # How late a deadline may be noticed.
OVERLOAD_SPREAD_MIN_MS: Final = 500  # When refused calls come back, spread.
OVERLOAD_SPREAD_MAX_MS: Final = 2_000
RECONNECT_SPREAD_MIN_MS: Final = 500  # After a goodbye clients come back spread over this span.
RECONNECT_SPREAD_MAX_MS: Final = 5_000
GOODBYE_TIMEOUT_S: Final = 2.0  # For the close handshake.
TOKEN_GRACE_S: Final = 30.0  # Leeway for clocks.
EXPIRED_RETRY_MS: Final = 1_000  # Within that grace a refused call is tried again after this.

# Log lines about peers, of one server.
NOTICES_PER_S: Final = 10.0
NOTICES_BURST: Final = 200

# Outbox of one connection.
OUTBOX_SOFT_BYTES: Final = 262_144  # Above it subscriptions lag: they re-read later, from the log.
OUTBOX_FULL_BYTES: Final = 524_288  # Above it large answers are refused, to be asked for again.
OUTBOX_HARD_BYTES: Final = 1_048_576  # Above it the client does not read: it is closed.
ANSWER_SMALL_BYTES: Final = 1_024  # Sent even when full: to refuse it would cost no less.
ANSWER_AGAIN_MS: Final = 250  # When to ask again for an answer that had no room.
OUTBOX_FRAMES_MAX: Final = 4_096
CORK_BYTES_MAX: Final = 65_536  # Held for one write; more is offered to the kernel at once.
SLOW_CONSUMER_TIMEOUT_S: Final = 15.0  # A backlog without progress for so long ends the connection.
SLOW_CONSUMER_CHECK_S: Final = SLOW_CONSUMER_TIMEOUT_S / 5  # How late it may be noticed.
CATCH_UP_PAGE_EVENTS: Final = 500
CATCH_UP_PAGE_EVENTS_MIN: Final = 64  # Of the first page: events may be large.
CATCH_UP_EVENTS_MAX: Final = 20_000  # More missed than this: a reset is cheaper for both sides.

# What clients may be sent at once: they bound what they take (SERVER_FRAME_BYTES_MAX).
EVENT_FRAME_BYTES: Final = 262_144  # Of one events frame; a single event may be larger.
PRESENCE_SESSIONS_MAX: Final = 256  # Of one presence message; a longer list takes several.
JSON_GROWTH_MAX: Final = 6  # Bytes of JSON per byte of MessagePack: false, or a control character.

# Client library.
RECONNECT_DELAY_MIN_S: Final = 0.1
RECONNECT_DELAY_SOON_S: Final = 2.0  # A restart takes seconds: nobody waits longer for it,
RECONNECT_SOON_TRIES: Final = 15  # but for what is gone after some 15 s.
RECONNECT_DELAY_MAX_S: Final = 15.0
OFFLINE_QUEUE_MAX: Final = 10_000
FOLLOW_BUFFER_EVENTS_MAX: Final = 10_000
CALLS_IN_FLIGHT_MAX: Final = 512  # Sent and unanswered; the rest waits in the client.
LINK_QUEUE_MAX: Final = 4_096  # Small messages waiting for the socket; more means it is stuck.
SERVER_FRAME_BYTES_MAX: Final = 8_388_608  # What a client takes; a snapshot may pass 1 MiB.
TOO_BIG_CLOSES_MAX: Final = 2  # Closes with 1009 until what may have caused them is given up.
DRAIN_WAIT_S: Final = 10.0  # For answers after the server's goodbye.
PACE_PROBE_S: Final = 10.0  # Without a complaint about its rate for so long a client tries more.
TOKEN_REFRESH_MARGIN_S: Final = 60.0  # How long before its end a token is replaced.

# The port and one socket.
HEAD_BYTES_MAX: Final = 16_384  # Of an HTTP request: a token in the URL and a page of cookies fit.
RECEIVE_BYTES: Final = 65_536  # Taken from the kernel at once.
PIECE_BYTES: Final = 16_384  # Large frames reach trio-websocket in no smaller pieces.
FRAGMENT_BYTES_MEAN_MIN: Final = 64  # A message may have frame_bytes_max / 64 fragments.
CONTROL_RATE_PER_S: Final = 20.0  # Pings and pongs of one peer; keepalive needs one in 20 s.
CONTROL_BURST: Final = 200
FAST_RUN_MAX: Final = 64  # Messages handed over before other tasks get a turn.
READY_MAX: Final = 256  # Sockets read before other tasks get a turn,
TURN_S: Final = 0.005  # and no longer than about this.
PACE_S: Final = 0.002  # From turn to turn: what comes meanwhile is served together.
PACE_BUSY_S: Final = 0.012  # The same when a core is all ours.
PACE_BUSY_FROM: Final = 0.3  # Share of a core in the loop's use from which they drift apart.
PACE_WINDOW_S: Final = 0.05  # Of a core's use.
STRAIN_AFTER_S: Final = 0.1  # Of turns that leave sockets unread: what can wait comes less often.
STRAIN_CALM_S: Final = 1.0  # Of turns that read everything: as ever.
OVERLOAD_AFTER_S: Final = 0.5  # Of turns that leave sockets unread: new calls are refused.
PUMP_BYTES_MAX: Final = 262_144  # Gathered for one system call.
PUMP_WRITES_MAX: Final = 64
LINGER_BYTES_MAX: Final = 4_194_304  # Read and dropped so that a goodbye is not lost to a reset.
HTTP_KEEP_ALIVE_S: Final = 30.0
REFUSALS_MAX: Final = 64  # Connections over a bound that are told so at the same time.
ACCEPT_PAUSE_S: Final = 0.1  # After the process ran out of files.

assert FAST_FRAME_BYTES_MAX < FRAME_BYTES_MAX <= OUTBOX_HARD_BYTES
assert CORK_BYTES_MAX < OUTBOX_SOFT_BYTES < OUTBOX_FULL_BYTES < OUTBOX_HARD_BYTES
assert CALLS_IN_FLIGHT_MAX <= OPEN_CALLS_MAX // 2
assert SERVER_FRAME_BYTES_MAX >= OUTBOX_HARD_BYTES
assert SERVER_FRAME_BYTES_MAX >= EVENT_FRAME_BYTES + JSON_GROWTH_MAX * FRAME_BYTES_MAX
assert SERVER_FRAME_BYTES_MAX >= PRESENCE_SESSIONS_MAX * (
    JSON_GROWTH_MAX * PRESENCE_BYTES_MAX + 2 * TARGET_LEN_MAX * JSON_GROWTH_MAX
)
assert KIND_LEN_MAX + 1 + KEY_LEN_MAX <= TARGET_LEN_MAX
assert KEEPALIVE_INTERVAL_S < 30
assert 2 * LIFE_LOOK_S < 0.7 * KEEPALIVE_INTERVAL_S
