"""The Yjs doors: what updates say without applying them, and the framing of two client families.

``walk`` and ``NestingIndex`` stand between a client's bytes and a document; ``decode_message``
reads y-websocket clients, ``decode_hocuspocus`` Hocuspocus ones. No I/O, no document, no trio.
"""

from protocol.yjs._levels import levels_shown
from protocol.yjs.awareness import (
    Presence,
    decode_awareness,
    decode_state_vector,
    encode_awareness,
    encode_state_vector,
)
from protocol.yjs.errors import (
    FRAME_REFUSALS,
    UPDATE_REFUSALS,
    FrameRefused,
    UpdateRefused,
    YjsRefusal,
)
from protocol.yjs.frames import (
    AwarenessUpdate,
    PermissionDenied,
    QueryAwareness,
    SyncBody,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
    YjsMessage,
    decode_message,
    encode_message,
)
from protocol.yjs.limits import CLIENT_LIMITS, WalkLimits
from protocol.yjs.nesting import NestingIndex, NestingPlan
from protocol.yjs.report import Id, RootKind, Run, Span, UpdateReport
from protocol.yjs.stroke import Stroke, read_stroke
from protocol.yjs.walker import walk, walk_steps

__all__ = [
    "CLIENT_LIMITS",
    "FRAME_REFUSALS",
    "UPDATE_REFUSALS",
    "AwarenessUpdate",
    "FrameRefused",
    "Id",
    "NestingIndex",
    "NestingPlan",
    "PermissionDenied",
    "Presence",
    "QueryAwareness",
    "RootKind",
    "Run",
    "Span",
    "Stroke",
    "SyncBody",
    "SyncStep1",
    "SyncStep2",
    "SyncUpdate",
    "UpdateRefused",
    "UpdateReport",
    "WalkLimits",
    "YjsMessage",
    "YjsRefusal",
    "decode_awareness",
    "decode_message",
    "decode_state_vector",
    "encode_awareness",
    "encode_message",
    "encode_state_vector",
    "levels_shown",
    "read_stroke",
    "walk",
    "walk_steps",
]
