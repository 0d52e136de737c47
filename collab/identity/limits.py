"""Every bound of sign-in, with its reason."""

from __future__ import annotations

from typing import Final

# Issuers and their keys.
ISSUERS_MAX: Final = 16
ISSUER_NAME_LEN_MAX: Final = 16  # Stands in front of every user id of the issuer.
SUBJECT_LEN_MAX: Final = 255  # OpenID Connect Core, section 2.
KEYS_FETCH_TIMEOUT_S: Final = 5.0  # All of it: name, connection, head, body. Below a hello's time.
KEYS_BYTES_MAX: Final = 262_144  # Of one document of an issuer.
KEYS_MAX: Final = 64  # Of one issuer.
KID_LEN_MAX: Final = 256
RSA_BITS_MIN: Final = 2_048
RSA_BITS_MAX: Final = 8_192  # Larger ones make each check a burden.
KEYS_FRESH_S: Final = 600.0  # Older ones are used, and fetched again meanwhile.
KEYS_STALE_MAX_S: Final = 12 * 3_600.0  # How long sign-in outlives an issuer that is down.
KEYS_RETRY_MIN_S: Final = 1.0  # After a fetch that failed; doubled each time.
KEYS_RETRY_MAX_S: Final = 60.0
UNKNOWN_KID_FETCH_S: Final = 5.0  # Between fetches that only an unknown key id asks for.
UNKNOWN_KID_S: Final = 60.0  # A key id that was looked for in vain is not looked for again.
UNKNOWN_KIDS_MAX: Final = 1_024

# What an issuer says of a person.
WORD_LEN_MAX: Final = 100  # An organisation, a role, a permission.
PERMISSIONS_MAX: Final = 256
EMAIL_LEN_MAX: Final = 254  # RFC 5321.


# Services.
SCOPES_MAX: Final = 64
SCOPE_LEN_MAX: Final = 128

# Guests.
GUEST_TTL_S: Final = 30 * 86_400
GUEST_ID_BYTES: Final = 16
GUESTS_BURST: Final = 10  # New guests from one address at once,
GUESTS_PER_S: Final = 1 / 30  # and from then on.
GUESTS_ADOPTED_MAX: Final = 100  # Remembered of one user; one per device is common.
CLAIM_BYTES_MAX: Final = 16_384  # A token and some JSON around it.

# Tickets.
TICKET_TTL_S: Final = 30.0
TICKET_BYTES: Final = 24
TICKETS_MAX: Final = 16_384  # Not yet used, of all who have signed in; about 500 bytes each.
TICKETS_PER_USER_MAX: Final = 64  # Enough for every tab of a browser to come back at once.
TICKETS_OF_GUESTS_MAX: Final = 8_192  # Of all guests.
TICKETS_PER_GUEST_MAX: Final = 8

# Brute force.
FAILURES_BURST: Final = 30  # Bad tokens from one address at once,
FAILURES_PER_S: Final = 0.5  # and from then on.
ADDRESSES_MAX: Final = 16_384  # Watched at once; the one that was quiet for longest gives way.
TOKENS_SEEN_MAX: Final = 16_384  # Digests of good tokens: their owners are let in all the same.

assert KEYS_FETCH_TIMEOUT_S < 10.0  # HANDSHAKE_TIMEOUT_S: a hello may wait for one fetch.
assert KEYS_FRESH_S < KEYS_STALE_MAX_S
