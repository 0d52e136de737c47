"""Every bound of meetings, chats, users and the server around them, with its reason."""

from __future__ import annotations

from typing import Final

# Live topics.
BATCH_INTERVAL_S: Final = 0.1  # Batched topics flush at most this often; 0.05 to 0.25.
PRESENCE_INTERVAL_S: Final = 0.05  # Cursors look smooth at 20 a second.
PRESENCE_INTERVAL_MAX_S: Final = 1.0  # While a port is behind.
RING_EVENTS_MAX: Final = 2_048  # Recent events in memory: a 3-minute outage at 10 chunks/s.
RING_BYTES_MAX: Final = 4_194_304  # As journaled; whichever bound is reached first.
DEDUPE_KEYS_PER_USER_MAX: Final = 1_024  # Twice what one client keeps unanswered.
DEDUPE_KEYS_MAX: Final = 8_192  # Of a target; whoever has most gives way.
DEDUPE_BYTES_MAX: Final = 1_048_576  # Of a target, as journaled.
PAGE_LIMIT_MAX: Final = 200
PAGE_LIMIT_DEFAULT: Final = 50

# Names and texts, in characters.
ID_LEN_MAX: Final = 128
TITLE_LEN_MAX: Final = 200
DESCRIPTION_LEN_MAX: Final = 10_000
NAME_LEN_MAX: Final = 100
LABEL_LEN_MAX: Final = 32  # A status, a role.
MODEL_LEN_MAX: Final = 100
SYSTEM_PROMPT_LEN_MAX: Final = 32_000
EMOJI_LEN_MAX: Final = 32
TEXT_LEN_MAX: Final = 20_000  # One message part or chunk of text.

# Meetings.
PARTICIPANTS_MAX: Final = 2_000
DURATION_MIN_MAX: Final = 24 * 60

# Messages.
MESSAGE_PARTS_MAX: Final = 64
MESSAGE_TAIL_MAX: Final = 100  # Newest messages held in memory and shown in a snapshot.
MESSAGE_CACHE_MAX: Final = 512  # Those that commands name: two each, in a batch of 256.
MESSAGE_BYTES_MAX: Final = 65_536  # One message's parts, packed.
MESSAGE_TAIL_BYTES_MAX: Final = 131_072  # The tail, packed: six times that (JSON) fits an outbox.
MESSAGE_PAGE_BYTES_MAX: Final = 131_072  # One page; a page holds one message whatever it weighs.
TOOL_DEPTH_MAX: Final = 8  # Arguments and results of tools; the frame around them is 4 deep.
URL_LEN_MAX: Final = 2_000
REACTIONS_PER_MESSAGE_MAX: Final = 500
EDITS_PER_MESSAGE_MAX: Final = 100
BRANCHES_MAX: Final = 200  # Ends of the tree of messages, held in memory.

# Transcripts. Times are milliseconds of speech time, from the start of the meeting.
SPEECH_MS_MAX: Final = 24 * 3_600_000
SPEECH_JUMP_MS_MAX: Final = 3_600_000  # A chunk may not leap further ahead of the newest one.
CHUNK_MS_MAX: Final = 60_000  # Longest single chunk.
CHUNK_TEXT_LEN_MAX: Final = 4_000
BUCKET_MS: Final = 60_000  # Width of a time bucket.
SEAL_DELAY_MS: Final = 10_000  # A bucket seals when speech time is this far past its end.
LATENESS_MS_MAX: Final = 600_000  # Later chunks are refused: their segment is forgotten.
TRANSCRIPT_TAIL_CHUNKS: Final = 200  # What a late joiner sees at once.
PROVIDER_LEN_MAX: Final = 64
SEGMENT_LEN_MAX: Final = 128
REVISION_MAX: Final = 2**31 - 1
LANGUAGE_LEN_MAX: Final = 35  # The longest well-known BCP 47 tag.
CHUNKS_PER_CALL_MAX: Final = 100  # What a transcriber may send in one call after an outage.
OPEN_LINES_MAX: Final = 1_500  # Unsealed lines in memory; beyond, buckets seal early.
OPEN_TEXT_LEN_MAX: Final = 150_000  # Characters of them: a bucket stays below one wire frame.
CALL_TEXT_LEN_MAX: Final = 50_000  # Text in one call with several chunks.
BUCKET_PARTS_MAX: Final = 1_000  # Position of a part in its listing is bucket * 1000 + part.
KNOWN_SEGMENTS_MAX: Final = 100_000  # Within the lateness window; 28 bytes each once sealed.
TRANSCRIPT_PAGE_DEFAULT: Final = 2  # Bucket parts in a page.
TRANSCRIPT_PAGE_MAX: Final = 10
TRANSCRIPT_PAGE_BYTES_MAX: Final = 262_144  # Packed; a page holds one part whatever it weighs.
TRANSCRIPT_RANGE_MS_MAX: Final = 600_000  # Speech time that one range query may span.
TRANSCRIPT_RANGE_PARTS_MAX: Final = 100  # Read for one range query; the rest with the next one.
TRANSCRIPT_RANGE_LINES_MAX: Final = 1_000

# Users.
USER_ITEMS_MAX: Final = 20_000  # Meetings and chats listed for one person.
USER_UNLISTED_MAX: Final = 4_096  # Versions remembered of what was unlisted, against late signals.
USER_SCANNED_MAX: Final = 2_000  # Items looked at for one page: 1 ms.
USER_PINS_MAX: Final = 100  # All of them are in the list's snapshot.
USER_REQUESTS_MAX: Final = 200  # Invitations by strangers; the oldest gives way to a new one.
STRUCK_MAX: Final = 1_000  # Open invitations that go with one block.
GUEST_GRACE_S: Final = 3_600  # Between the end of a guest's token and that of what it had.
NOTICES_MAX: Final = 200  # Kept for one person, in memory with the rest: 40 kB.
NOTICES_OF_STRANGERS_MAX: Final = 50  # Of them, so that strangers push out nobody else's.
CONNECTIONS_MAX: Final = 5_000
REQUESTS_SENT_MAX: Final = 200  # Unanswered at a time: asking everybody is no way to meet people.
REQUESTS_RECEIVED_MAX: Final = 500  # The oldest stranger's gives way to a new one.
BLOCKED_MAX: Final = 5_000
GUEST_SHUNNED_MAX: Final = 4_096  # People who have blocked one guest, remembered for its sign-in.
LINKS_CLOSED_MAX: Final = 4_096  # Connections that are over, remembered against late signals.
CARDS_MAX: Final = 100  # Read for one query.
BIO_LEN_MAX: Final = 2_000
INTERESTS_MAX: Final = 30
GOALS_MAX: Final = 10
GOAL_LEN_MAX: Final = 200
LANGUAGES_MAX: Final = 20
EXPERIENCE_MAX: Final = 30
EXPERIENCE_TEXT_LEN_MAX: Final = 100
ARRIVALS_KEPT_MAX: Final = 16_384  # Whose newest sign-in is remembered, about 300 bytes each.
EMAIL_LEN_MAX: Final = 320  # 64 before the sign, 255 after it.
# Unread messages: people are told how many there are after this pause, longer in larger rooms.
COUNT_PAUSE_MS_MIN: Final = 5_000
COUNT_PAUSE_MS_PER_PERSON: Final = 1_000  # So a busy room costs one signal a second, whatever
COUNT_PAUSE_MS_MAX: Final = 60_000  # its size, or, above 60 people, each of them one a minute.
COUNT_PEOPLE_MAX: Final = 4_096  # Of whom it is remembered up to where they surely know.

GONE_KEPT_MAX: Final = 200  # Newest deleted messages of a room, which are not unread.

# Notes: the shared document of a meeting or chat.
NOTES_BYTES_MAX: Final = 5_767_168  # Whole state; as base64 it fits a client's frame (8 MiB).
NOTES_SHOWN_BYTES_MAX: Final = 7_864_320  # Of a moment or branch with its texts, as JSON.
NOTES_CLIENTS_MAX: Final = 16_000  # Ids ever used, one per page load; all fit one update.
NOTES_CLIENTS_PER_USER_MAX: Final = 4_000  # So that nobody uses up the ids of everybody.
NOTES_ROOTS_MAX: Final = 64
NOTES_ROOT_LEN_MAX: Final = 256
NOTES_NAME_LEN_MAX: Final = 100  # Of a version.
NOTES_VERSIONS_MAX: Final = 500  # Named, all of them in memory.
NOTES_MARKDOWN_LEN_MAX: Final = 200_000  # Letting it in takes 20 to 40 ms of the actor's turn.
NOTES_STUDIED_BYTES: Final = 4_096  # Larger updates are read in slices before they are decided.
NOTES_FITTED_AT_ONCE_BYTES: Final = 16_384  # A larger document's characters are cut in slices.
NOTES_PASSED_AT_ONCE: Final = 200_000  # Items that one update passes in their lists: 15 to 40 ms.
NOTES_FEW_STRUCTS: Final = 4  # A keystroke, a new line, a mark: all that typing takes.
NOTES_PASSED_BY_FEW: Final = 1_000_000  # So that long documents are typed in; see threats.md.
NOTES_RANGES_AT_ONCE: Final = 2_000  # Deleted by one update: 7 ms.
NOTES_PASSED_UNPROVEN: Final = 100_000_000  # By light updates, until the document is built anew.
NOTES_SCAN_S: Final = 0.25  # CPU to build a document, beyond its structs' ordinary share,
NOTES_STRUCT_S: Final = 0.000_03  # which is this for each: they take a third of it or less.
NOTES_BRANCHES_MAX: Final = 64  # Recovery branches that wait for somebody.
NOTES_BRANCHES_PER_USER_MAX: Final = 4  # So that nobody takes the room of everybody.
NOTES_STATE_EVERY: Final = 1_000  # Updates from one stored state to the next: 10 ms to replay.
NOTES_REPLAY_EVENTS_MAX: Final = 200_000  # Journal records read to see a moment again.
NOTES_REPLAY_PAGE: Final = 500
NOTES_ORDER_STEPS_MAX: Final = 5_000_000  # Blocks compared to say who wrote what: some seconds.
NOTES_DRAFT_TRIES_MAX: Final = 8  # Beside the actor; then one in its turn, which nothing outruns.
NOTES_RETRY_MS: Final = 50  # After two drafts of one user met in one batch even so.
NOTES_MOMENT_PAUSE_MS: Final = 30_000  # A longer pause begins another moment.
NOTES_MOMENT_SPAN_MS: Final = 300_000  # A moment that goes on for longer is cut in two.
NOTES_MOMENTS_OPEN_MAX: Final = 64  # Authors whose moment is not over; the oldest is closed.
NOTES_UNDO_DEPTH: Final = 100  # Bursts that one user can take back.
NOTES_UNDO_PAUSE_MS: Final = 500  # A longer pause between one's edits begins another burst.
NOTES_UNDO_BURST_MAX: Final = 50  # Edits in one burst.
NOTES_UNDO_USERS_MAX: Final = 256  # Whose bursts are remembered: those who edited last.

# Chats.
CHAT_MEMBERS_MAX: Final = 500  # All of them are in one snapshot; each gets a signal on a change.
CHAT_TOUCH_MS: Final = 60_000  # While messages are posted, members' lists move at most this often.

# Sign-in and the server.
TOKEN_TTL_DEFAULT_S: Final = 3_600
TOKEN_TTL_MAX_S: Final = 366 * 86_400  # A bot's token for a year; nothing lives for ever.
BATCH_INTERVAL_MIN_S: Final = 0.05  # Faster than people read; costs a frame each.
BATCH_INTERVAL_MAX_S: Final = 0.25  # Slower than that is not live.
DRAIN_TIMEOUT_S: Final = 6.0  # With the 2 s in which a store seals: 8, of 10 that people wait.
DRAIN_WIRE_SHARE: Final = 0.7  # Of it, for saying goodbye; what is left is the actors'.
DRAIN_TIMEOUT_MAX_S: Final = 600.0
FAULT_ERRORS_MAX: Final = 32  # Of one log line: an exception, its causes and what it groups.
FAULT_FRAMES_MAX: Final = 64  # Of each, the innermost.
LOG_REPEATS_S: Final = 10.0  # The same warning about one client comes once in so many seconds,
LOG_REPEATS_MAX: Final = 1_024  # and so many different ones at most.
INSIST_AFTER_S: Final = 1.0  # Sooner, a second Ctrl-C is the first one, passed on by a launcher.

# The app.
ASK_TIMEOUT_S: Final = 30.0
BLANK_TIMEOUT_S: Final = 1.0  # One that does not exist: strangers may ask for any number of them.
IDLE_TIMEOUT_S: Final = 60.0  # An actor that nobody follows or calls leaves memory.
DRAFTS_WAITING_MAX: Final = 64  # For their turn, in all;
DRAFTS_PER_TARGET_MAX: Final = 8  # and of one target. Each holds its document as it was.
DRAFTS_RETRY_MS: Final = 1_000
DRAFTS_AT_ONCE_MAX: Final = 2  # Threads that write them take turns with the event loop.
READS_AT_ONCE_MAX: Final = 64  # Queries that read storage; the rest wait.
ADMITTED_MAX: Final = 1_024  # Remembered per connection, with development tokens.
ROUTES_KEPT_MAX: Final = 16_384  # Targets whose way is remembered, about 400 bytes each.
ASK_AGAIN_MS: Final = 10
OVERLOADED_RETRY_MS: Final = 500
UNAVAILABLE_RETRY_MS: Final = 1_000
SIGNALS_AT_ONCE_MAX: Final = 64  # Sent and not yet acknowledged, one for each target.
SIGNALS_RETRIED_AT_ONCE_MAX: Final = 16  # Beside them, to targets that took none the last time.
SIGNALS_UNSENT_MAX: Final = 16  # In memory for one target; the rest waits on disk.
SIGNAL_TARGETS_MAX: Final = 1_024  # With signals in memory.
SIGNAL_TARGETS_FAILING_MAX: Final = 4_096  # Tried again one by one; 4 kB each, no signals.
SIGNALS_PAGE: Final = 256
SIGNAL_TIMEOUT_S: Final = 10.0
SIGNAL_RETRY_MIN_S: Final = 0.2
SIGNAL_RETRY_MAX_S: Final = 60.0

# The cycle collector of a server's process, in objects that it tracks.
GARBAGE_YOUNG_OBJECTS: Final = 10_000  # Walked at once while young: 2 to 5 ms.
GARBAGE_OBJECTS_MIN: Final = 1_000_000  # So many new ones at least between walks of all: 1 s.
GARBAGE_GROWTH_FACTOR: Final = 2  # Or so many times what lived.
GARBAGE_BYTES_MIN: Final = 268_435_456  # Or the process has grown by this, and by half.
GARBAGE_IDLE_OBJECTS: Final = 50_000  # And a quarter of what lived, while nobody needs us,
GARBAGE_IDLE_SHARE: Final = 0.02  # which is using less of a core than that.
GARBAGE_CHECK_S: Final = 5.0

# Rates and the audit log.
ALLOWANCE_HOLDERS_MAX: Final = 16_384  # Users or addresses remembered for one action; 150 bytes.
ALLOWANCE_COUNT_MAX: Final = 1_000_000
ALLOWANCE_PERIOD_MAX_S: Final = 86_400  # What is to last longer is a quota.
AUDIT_WINDOW_S: Final = 10.0  # What repeats itself meanwhile is counted, not written again.
AUDIT_OPEN_MAX: Final = 16_384  # Different things counted at once; then the oldest is written.
AUDIT_REFUSALS_MAX: Final = 64  # Different ones of one user or address in a window; rest lumped.
AUDIT_TEXT_LEN_MAX: Final = 300  # One word of an entry; longer ones are cut.
AUDIT_LIST_LEN_MAX: Final = 16  # Words of one field.
AUDIT_PAGE_MAX: Final = 500

# What issuers tell by webhook.
DELIVERY_WINDOW_MS: Final = 300_000  # Older, or of a clock that is further ahead: refused.
DELIVERIES_MAX: Final = 10_000  # Heard within the window, about 100 bytes each.
WEBHOOK_BODY_BYTES_MAX: Final = 262_144  # A user with all their metadata.
WEBHOOK_SECRET_BYTES_MAX: Final = 1_024
STANDING_PEOPLE_MAX: Final = 20_000  # Whose roles changed last; tokens from before are short-lived.
STANDING_REMOVED_MAX: Final = 10_000  # Of them, removed ones, who otherwise go last.
STANDING_ORGS_PER_USER_MAX: Final = 100
STANDING_SESSIONS_PER_USER_MAX: Final = 50  # Ended ones; beyond, all tokens from before are void.

HTTP_CALL_TIMEOUT_S: Final = 30.0
HTTP_WAIT_MAX_MS: Final = 1_000  # Who is to come back later than that is told so instead.
NOTES_MARKDOWN_BYTES_MAX: Final = 4 * NOTES_MARKDOWN_LEN_MAX  # Of an imported file.

# Bodies of requests, while they come and until they are answered.
HTTP_BODY_TIMEOUT_S: Final = 20.0  # All of it; an import of the largest size at 320 kbit/s.
HTTP_BODIES_PEOPLE_BYTES_MAX: Final = 33_554_432  # Of all who have signed in, together.
HTTP_BODIES_STRANGERS_BYTES_MAX: Final = 16_777_216  # Of guests and webhooks, together.
HTTP_BODIES_HOLDER_BYTES_MAX: Final = 2_097_152  # Of one user, or of one address.
HTTP_BODIES_RETRY_MS: Final = 2_000

OVERSIGHT_ROWS_MAX: Final = 100  # Connections, or followed targets, that an overview lists.
RECENT_LINES_MAX: Final = 200  # Warnings and errors that it remembers.

# The client library.
MESSAGES_SHOWN_MAX: Final = 1_000  # In a live view; older ones are paged.
NOTES_SEND_BYTES_MAX: Final = 262_144  # Edits merged into one call, unless one alone is larger.
NOTES_UNSENT_UPDATES_MAX: Final = 512  # Beyond twice that, unsent edits are merged.
NOTES_EDIT_TRIES_MAX: Final = 6  # Of one edit, against faults of the server: 16 s together.
NOTES_REFUSALS_MAX: Final = 16  # Kept for the caller; each holds a whole document.

assert 0.05 <= BATCH_INTERVAL_S <= 0.25
assert MESSAGE_TAIL_MAX < MESSAGE_CACHE_MAX
assert PARTICIPANTS_MAX <= COUNT_PEOPLE_MAX
assert STANDING_REMOVED_MAX < STANDING_PEOPLE_MAX
assert NOTICES_OF_STRANGERS_MAX < NOTICES_MAX
assert USER_PINS_MAX < USER_REQUESTS_MAX  # A request that can give way is always found.
assert SEAL_DELAY_MS < LATENESS_MS_MAX
assert CHUNK_MS_MAX <= BUCKET_MS  # A segment is looked for one bucket to either side.
assert OPEN_LINES_MAX < KNOWN_SEGMENTS_MAX
