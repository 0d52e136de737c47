"""The wire, for machines: JSON Schema of shapes and messages, and TypeScript of JSON Schema.

==============  ==============================================================
shapes          attrs classes, typed dictionaries, unions as definitions
bounds          what their validators check, as keywords
wire            the messages of ``protocol.messages``
typescript      definitions as TypeScript types
==============  ==============================================================

Knows nothing of kinds; ``collab.schema`` adds them.
"""

from protocol.schema.shapes import (
    DRAFT,
    Definitions,
    Unshowable,
    about,
    object_of,
    ref_to,
)
from protocol.schema.typescript import ts_comment, ts_definition, ts_type
from protocol.schema.wire import CLIENT_MESSAGE, SERVER_MESSAGE, define_messages, message_name

__all__ = [
    "CLIENT_MESSAGE",
    "DRAFT",
    "SERVER_MESSAGE",
    "Definitions",
    "Unshowable",
    "about",
    "define_messages",
    "message_name",
    "object_of",
    "ref_to",
    "ts_comment",
    "ts_definition",
    "ts_type",
]
