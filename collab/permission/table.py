"""THE table: kind x action x roles. What is not here is refused.

An action is the tag of a command or query, or ``read:`` and a topic. A kind's ``role_of`` says
which role a caller has; the actor asks this table in the same order as everything else, so a role
taken away by one event is gone for the next command. Nothing but strings lives here: kinds import
their rows, rows import no kind.

Roles of a chat
    founder   anybody, while the chat does not exist
    owner     exactly one: whoever created it, or took it over
    editor    may write
    viewer    may read
    public    not a member, but the chat has its public link on
    outsider  anybody else
    gone      everybody, once it was deleted; what ``gone`` may ask is answered with not_found

Roles of an organisation's audit log, and of the whole one (``audit:*``)
    admin     an admin of that organisation
    operator  a person who runs the server, for the whole one
    outsider  anybody else

Roles towards a person (``user:ID``)
    self        the person, signed in
    guest       the person, a guest
    claimed     the guest that somebody was before they signed in: reads on, changes nothing
    connection  somebody who is connected with them
    colleague   somebody of the same organisation
    outsider    anybody else, the blocked included
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from collab.flags.permissions import FLAGS
from collab.keyring.permissions import KEYS
from collab.meeting.permissions import MEETING
from collab.preferences.permissions import PREFERENCES
from collab.quotas.permissions import QUOTA
from collab.timers.permissions import TIMERS


def _by_role(roles_by_action: Mapping[str, str]) -> Mapping[str, frozenset[str]]:
    """Turn ``action -> "role role"`` into ``role -> actions``."""
    actions_by_role: dict[str, set[str]] = {}
    for action, roles in roles_by_action.items():
        for role in roles.split():
            actions_by_role.setdefault(role, set()).add(action)
    return MappingProxyType({role: frozenset(held) for role, held in actions_by_role.items()})


CHAT: Final = _by_role(
    {
        "chat.create": "founder",
        "chat.rename": "owner editor",
        "chat.update": "owner editor",
        "chat.publish": "owner",
        "chat.transfer": "owner",
        "chat.delete": "owner",
        "members.add": "owner",
        "members.remove": "owner",
        "members.set_role": "owner",
        "members.leave": "owner editor viewer",
        "messages.post": "owner editor",
        "messages.edit": "owner editor",
        "messages.delete": "owner editor",
        "messages.delete_any": "owner",
        "messages.react": "owner editor",
        "chat.branch": "owner editor",
        "notes.edit": "owner editor",
        "notes.name_version": "owner editor",
        "notes.discard_branch": "owner editor",
        "notes.undo": "owner editor",
        "notes.redo": "owner editor",
        "notes.restore": "owner editor",
        "notes.merge_branch": "owner editor",
        "notes.import": "owner editor",
        "chat.get": "owner editor viewer public gone",
        "chat.branches": "owner editor viewer public gone",
        "people.cards": "owner editor viewer gone",
        "messages.page": "owner editor viewer public gone",
        "messages.get": "owner editor viewer public gone",
        "messages.history": "owner editor viewer public gone",
        "notes.sync": "owner editor viewer public gone",
        "notes.versions": "owner editor viewer public gone",
        "notes.moments": "owner editor viewer public gone",
        "notes.branches": "owner editor viewer public gone",
        "notes.at": "owner editor viewer public gone",
        "notes.branch": "owner editor viewer public gone",
        "notes.export": "owner editor viewer public gone",
        "notes.authors": "owner editor viewer public gone",
        "read:state": "owner editor viewer public",
        "read:messages": "owner editor viewer public",
        "read:notes": "owner editor viewer public",
        "read:members": "owner editor viewer",
    }
)

USER: Final = _by_role(
    {
        "user.pin": "self guest",
        "user.archive": "self guest",
        "user.read": "self guest",
        "user.welcome": "self guest",
        "user.door": "self guest",
        "user.list": "self guest claimed",
        "user.inbox": "self guest claimed",
        "notices.see": "self guest",
        "notices.list": "self guest claimed",
        "connections.request": "self",
        "connections.accept": "self guest",
        "connections.decline": "self guest",
        "connections.withdraw": "self guest",
        "connections.remove": "self guest",
        "connections.block": "self guest",
        "connections.unblock": "self guest",
        "connections.list": "self guest claimed",
        "profile.set": "self guest",
        "profile.get": "self guest claimed",
        "profile.card": "self guest claimed connection colleague",
        "profile.taxonomy": "self guest claimed",
        "read:list": "self guest claimed",
        "read:notices": "self guest claimed",
        "read:connections": "self guest claimed",
        "read:profile": "self guest claimed",
    }
)

AUDIT: Final = _by_role({"audit.page": "admin operator"})

STANDING: Final = _by_role({})  # Nobody: it hears issuers, from within the server.

TABLE: Final[Mapping[str, Mapping[str, frozenset[str]]]] = MappingProxyType(
    {
        "meeting": MEETING,
        "chat": CHAT,
        "user": USER,
        "audit": AUDIT,
        "standing": STANDING,
        "timers": TIMERS,
        "flags": FLAGS,
        "quota": QUOTA,
        "keys": KEYS,
        "preferences": PREFERENCES,
    }
)


def permissions_for(kind_name: str) -> Mapping[str, frozenset[str]]:
    """Return role -> actions of a built-in kind. Raises ``KeyError`` for any other."""
    return TABLE[kind_name]
