"""Every bound of the Yjs doors, with its reason. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# Numbers. The two libraries differ outside of these, so nothing outside is let in.
VARINT_BYTES_MAX: Final = 10  # yrs stops there; Yjs would read on.
VARINT_MAX: Final = 2**53 - 1  # Yjs raises beyond; yrs wraps a client id of 2^53 to 0.
CLOCK_MAX: Final = 2**31 - 1  # yrs counts in u32 and compares differences as i32.

# One update.
UPDATE_BYTES_MAX: Final = 5_767_168  # A whole long document: clients cannot send it in parts.
STRUCTS_MAX: Final = 524_288  # 1 MiB of real editing holds 90,000.
CLIENTS_MAX: Final = 16_384  # Every page load is a client; a shared year of work has thousands.
DELETES_MAX: Final = 131_072  # Ranges; the recorded traces have at most 6,000.
CLOCK_LEAP_MAX: Final = 2**24  # One client's advance in one update: months of typing, merged.
ROOTS_MAX: Final = 32  # An editor has one to three.
ROOT_BYTES_MAX: Final = 256
KEY_BYTES_MAX: Final = 1_024  # Map keys are ids and URLs; marks are a name and a hash.
NESTING_MAX: Final = 64  # Values within values; shared types within shared types, roots included.
JSON_ELEMENTS_MAX: Final = 20_000  # Commas or brackets of one JSON text, parsed in one go: 4 ms.

# One document.
DOCUMENT_MARKS_MAX: Final = 1_000_000  # Of a document remembered: up to 8 bytes each.
DOCUMENT_CLIENTS_MAX: Final = 65_536

# Slices: a unit is a struct, value or range, or some bytes of text; at most about 3 µs.
SLICE_UNITS: Final = 600
TEXT_BYTES_PER_UNIT: Final = 1_024
JSON_BYTES_PER_UNIT: Final = 16

# Pieces of an update, applied one by one.
PIECE_PASSES: Final = 40_000  # If each struct passes all before it: 8 ms.
PIECE_STRUCTS: Final = 8  # At least; a piece by itself costs as much as three of them.
PIECE_RANGES: Final = 256  # Deleted; 1 ms.

# Messages.
DOCUMENT_NAME_BYTES_MAX: Final = 512  # A target and, for Hocuspocus, a session id.
TOKEN_BYTES_MAX: Final = 8_192  # Like the wire's own TOKEN_LEN_MAX.
REASON_BYTES_MAX: Final = 1_024  # A reason, a scope, a provider's version.
STATELESS_BYTES_MAX: Final = 65_536
STATE_VECTOR_BYTES_MAX: Final = 262_144  # CLIENTS_MAX entries of a client id and a clock.
AWARENESS_BYTES_MAX: Final = 131_072
AWARENESS_CLIENTS_MAX: Final = 2_048  # An echo of everybody in a full meeting.
AWARENESS_STATE_BYTES_MAX: Final = 8_192  # A name, a colour, a cursor, a selection: below 1 kB.
AWARENESS_NESTING_MAX: Final = 16

AWARENESS_OWN_BYTES_MAX: Final = 7_168  # With our stamp it must still fit when it is echoed.
AWARENESS_OWN_CLIENTS_MAX: Final = 8  # Tabs of one browser that speak through one connection.
AWARENESS_TOLD_BYTES_MAX: Final = 65_536  # More goes in several messages: each is echoed whole.
AWARENESS_GONE_MAX: Final = 1_024  # Clients of a document remembered after they left.

# Connections through the doors.
DOOR_FRAME_BYTES_MAX: Final = 6_291_456  # An update, and the names around it.
DOOR_CALLS_MAX: Final = 64  # Open edits and syncs of one socket; beyond, it is read later.
DOOR_LARGE_BYTES: Final = 65_536  # Nothing is read behind such a message until it is answered.
DOOR_EDIT_TRIES_MAX: Final = 6  # Of an edit whose owner says "later".
DOOR_TICK_S: Final = 10.0  # A client that hears nothing for 30 s reconnects: twice this is below.
DOOR_VISITS_MAX: Final = 256  # Documents open on one Hocuspocus socket.
DOOR_PAGED_EVENTS_MAX: Final = 64  # Missed by a slow reader; more comes as one merged update.
RESYNC_EDITS_MAX: Final = 1_024  # Edits in flight while a client is asked for all it has.


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkLimits:
    """Bounds of one walk. The defaults are for updates from clients."""

    update_bytes_max: int = UPDATE_BYTES_MAX
    structs_max: int = STRUCTS_MAX
    clients_max: int = CLIENTS_MAX
    deletes_max: int = DELETES_MAX
    clock_leap_max: int = CLOCK_LEAP_MAX
    roots_max: int = ROOTS_MAX
    root_bytes_max: int = ROOT_BYTES_MAX
    key_bytes_max: int = KEY_BYTES_MAX
    nesting_max: int = NESTING_MAX
    json_elements_max: int = JSON_ELEMENTS_MAX


CLIENT_LIMITS: Final = WalkLimits()

assert UPDATE_BYTES_MAX + DOCUMENT_NAME_BYTES_MAX < DOOR_FRAME_BYTES_MAX
assert CLOCK_LEAP_MAX < CLOCK_MAX
assert NESTING_MAX < 255  # Depths are kept as bytes.
assert AWARENESS_TOLD_BYTES_MAX + AWARENESS_OWN_BYTES_MAX < AWARENESS_BYTES_MAX
assert AWARENESS_OWN_BYTES_MAX + 256 < AWARENESS_STATE_BYTES_MAX < AWARENESS_BYTES_MAX
