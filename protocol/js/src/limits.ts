/**
 * Every bound of the client, with its reason. `LEN` counts characters.
 *
 * The same names and values as in `protocol/limits.py`, times in milliseconds; a test compares them.
 */

// What the server takes: checked here first, so that nobody waits for a refusal.
export const FRAME_BYTES_MAX = 1_048_576
export const NESTING_MAX = 16
export const TARGET_LEN_MAX = 160
export const OP_LEN_MAX = 64
export const TOPIC_LEN_MAX = 64
export const TOPICS_MAX = 16
export const CLIENT_KEY_LEN_MAX = 64
export const PRESENCE_BYTES_MAX = 4_096
export const SUBSCRIPTIONS_MAX = 256
export const CALL_DEADLINE_MAX_MS = 120_000
export const MESSAGE_RATE_PER_S = 500

// One connection after the other.
export const HANDSHAKE_TIMEOUT_MS = 10_000
export const RECONNECT_DELAY_MIN_MS = 100
export const RECONNECT_DELAY_SOON_MS = 2_000 // A restart takes seconds: nobody waits longer for it,
export const RECONNECT_SOON_TRIES = 15 // but for what is gone after some 15 s.
export const RECONNECT_DELAY_MAX_MS = 15_000
export const DRAIN_WAIT_MS = 10_000 // For answers after the server's goodbye.
export const GOODBYE_TIMEOUT_MS = 2_000 // For the close handshake.
export const TOKEN_REFRESH_MARGIN_MS = 60_000 // How long before its end a token is replaced.
export const PACE_PROBE_MS = 10_000 // Without a complaint about its rate for so long a client tries more.

// What waits in the client.
export const OFFLINE_QUEUE_MAX = 10_000
export const FOLLOW_BUFFER_EVENTS_MAX = 10_000
export const CALLS_IN_FLIGHT_MAX = 512 // Sent and unanswered; the rest waits here.
export const LINK_QUEUE_MAX = 4_096 // Small messages waiting for the socket; more means it is stuck.
export const TOO_BIG_CLOSES_MAX = 2 // Closes with 1009 until what may have caused them is given up.

// Of this client alone: the browser buffers what a socket does not take, so we look before we send.
export const SOCKET_BUFFER_BYTES_MAX = 262_144
export const SOCKET_LOOK_MS = 20 // How often a full socket is looked at again.
export const PROBE_TIMEOUT_MS = 5_000 // For any word of the server after a page has woken up.
export const TIMER_MAX_MS = 2_147_483_647 // A longer timeout would fire at once.

// Live views and notes, as in `collab/limits.py`.
export const MESSAGES_SHOWN_MAX = 1_000 // In a live view; older ones are paged.
export const NOTES_SEND_BYTES_MAX = 262_144 // Edits merged into one call, unless one alone is larger.
export const NOTES_UNSENT_UPDATES_MAX = 512 // Beyond twice that, unsent edits are merged.
export const NOTES_EDIT_TRIES_MAX = 6 // Of one edit, against faults of the server.
export const NOTES_REFUSALS_MAX = 16 // Kept for the application; each holds a whole document.
export const BUCKET_PARTS_MAX = 1_000 // Position of a part of a transcript's bucket: bucket * 1000 + part.
export const LINES_SHOWN_MAX = 20_000 // Of a transcript in a live view; older ones are paged.
export const VIEW_LINGER_MS = 2_000 // How long a view that nobody watches stays: pages change.
