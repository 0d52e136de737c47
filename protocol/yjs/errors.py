"""Errors of the Yjs doors, and every reason that an update or a frame can be refused for.

::

    YjsRefusal                  bytes from a peer were refused; nothing was changed
    ├── UpdateRefused           a document update (walker, document index)
    └── FrameRefused            a message, an awareness update or a state vector

``code`` is stable, ``detail`` is for people and may change. Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

UPDATE_REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # The bytes.
        "too_large": "the update has more bytes than allowed",
        "truncated": "the update ends in the middle",
        "trailing_bytes": "bytes follow the end of the update",
        "bad_varint": "an integer of more than 10 bytes, or beyond 2^53 - 1",
        "bad_text": "text that is not UTF-8 (lone surrogates included)",
        # Structs.
        "duplicate_client": "two sections of one client",
        "empty_section": "a client's section without structs",
        "zero_length": "a struct or a deletion of length 0",
        "clock_overflow": "a clock of 2^31 or more",
        "clock_leap": "a struct or a section advances a client's clock unreasonably",
        "misplaced_skip": "a gap at the start or end of a section, or two in a row",
        "forward_reference": "a struct names an origin or parent that comes after it",
        "bad_origin": "a struct between a struct and itself",
        "bad_parent": "a parent that is neither a root nor a shared type",
        # Contents.
        "unknown_content": "a kind of content that Yjs does not have",
        "unknown_type": "a kind of shared type that Yjs and yrs do not both have",
        "subdocument": "subdocuments are not allowed",
        "bad_value": "a value that Yjs and yrs cannot both read",
        "bad_json": "text that is not strict JSON",
        "too_deep": "values or shared types nested too deeply",
        # Bounds.
        "key_too_long": "a map key, attribute or element name is too long",
        "root_too_long": "the name of a root is too long",
        "too_many_roots": "too many roots in one update",
        "too_many_clients": "too many clients in one update, or in the document",
        "too_many_structs": "too many structs in one update",
        "too_many_deletes": "too many deleted ranges in one update",
        "too_fragmented": "more would have to be remembered of the document than allowed",
        "too_entangled": "putting the changes in order with others would take too long",
        # Deletions.
        "bad_delete_set": "deleted ranges that overlap, are out of order or have two sections",
        # The document.
        "bad_entry": "an entry of a map that is several live values, or has a right origin",
        "split_character": "a cut between the two halves of a character",
        "missing": "the update builds on changes that the document does not have",
        "circular": "changes in the update wait for each other",
    }
)

FRAME_REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "truncated": "the message ends in the middle",
        "trailing_bytes": "bytes follow the end of the message",
        "bad_varint": "an integer of more than 10 bytes, or beyond 2^53 - 1",
        "bad_text": "text that is not UTF-8",
        "bad_json": "an awareness state that is not strict JSON",
        "unknown_message": "no message has this number",
        "too_large": "a part of the message is longer than allowed",
        "too_many_clients": "too many clients in one awareness update or state vector",
        "duplicate_client": "one client twice in an awareness update or state vector",
        "clock_overflow": "a clock of 2^31 or more",
        "bad_state": "an awareness state that is neither an object nor null",
        "too_deep": "an awareness state nested too deeply",
    }
)


class YjsRefusal(Exception):
    """Base. Bytes from a peer were refused, and nothing was changed by them."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


class UpdateRefused(YjsRefusal):
    """A document update was refused. ``code`` is a key of ``UPDATE_REFUSALS``.

    Sending the same bytes again cannot help, except after ``missing``: then the client syncs first.
    """


class FrameRefused(YjsRefusal):
    """A message could not be read. ``code`` is a key of ``FRAME_REFUSALS``."""
