"""What of the permission table is written into the audit log when it is *granted*, and how much.

::

    action -> the fields of its command that are kept: names and switches, never what people say

What changes who may do what, takes something away from others, or carries things out; and all that
only operators and admins may do. Every refusal is written down, whatever it is of (see
``collab.audit.recorder``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

MEETING: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "meeting.end": (),
        "meeting.cancel": (),
        "meeting.transfer": ("user_id",),
        "participants.invite": ("user_id", "role"),
        "participants.remove": ("user_id",),
        "participants.set_role": ("user_id", "role"),
        "messages.delete_any": ("id",),
        "notes.export": ("format",),
        "notes.import": (),
    }
)

CHAT: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "chat.publish": ("on",),
        "chat.transfer": ("user_id",),
        "chat.delete": (),
        "members.add": ("user_id", "role"),
        "members.remove": ("user_id",),
        "members.set_role": ("user_id", "role"),
        "messages.delete_any": ("id",),
        "notes.export": ("format",),
        "notes.import": (),
    }
)

# Signals, as ``Kind.audited_signals``: what somebody is from now on who was a guest before, and the
# end of what a guest has left alone.
CHAT_SIGNALS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"chat.hand_over": ("to_id", "from_id"), "chat.forsake": ()}
)
USER_SIGNALS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"user.be_claimed": ("user_id",)}
)

FLAGS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "flags.set": ("name", "value", "is_on", "percent", "org_ids", "reason"),
        "flags.remove": ("name", "reason"),
        "flags.list": (),
    }
)

TIMERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"timers.cancel": ("target", "name"), "timers.list": ("target",)}
)

AUDIT: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"audit.page": ("user_id", "target", "action", "from_ms", "until_ms")}
)
