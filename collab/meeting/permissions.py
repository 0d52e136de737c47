"""Who may do what in a meeting. Strings only; taken into ``collab.permission.table``.

Roles
    founder      anybody, while the meeting does not exist
    host         a participant who runs it; one of them is its owner (see ``people``)
    speaker      a participant who speaks
    attendee     a participant who listens, and writes messages and notes
    transcriber  a participant, usually a bot, who writes down what anybody says; reads the notes
    invited      was invited and has not joined
    left         has left; may come back
    org_admin    an admin of the meeting's organisation who is no participant, until its end
    archivist    the same person after its end: reads the record
    outsider     anybody else, the removed included

What the owner alone may do, and what else depends on the thing, is said by the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "meeting.schedule": "founder host",  # A host is told that it exists already.
        "meeting.update": "host",
        "meeting.reschedule": "host",
        "meeting.start": "host",
        "meeting.end": "host org_admin",
        "meeting.cancel": "host org_admin",
        "meeting.transfer": "host org_admin",  # The owner, or an admin of the organisation.
        "participants.invite": "host org_admin",
        "participants.remove": "host org_admin archivist",
        "participants.set_role": "host org_admin",
        "participants.join": "host speaker attendee transcriber invited left org_admin",
        "participants.leave": "host speaker attendee transcriber invited",
        "transcript.add": "host speaker transcriber",
        "transcript.add_many": "host speaker transcriber",
        "messages.post": "host speaker attendee",
        "messages.edit": "host speaker attendee",
        "messages.delete": "host speaker attendee",
        "messages.delete_any": "host",
        "messages.react": "host speaker attendee",
        "notes.edit": "host speaker attendee",
        "notes.name_version": "host speaker attendee",
        "notes.discard_branch": "host speaker attendee",
        "notes.undo": "host speaker attendee",
        "notes.redo": "host speaker attendee",
        "notes.restore": "host speaker attendee",
        "notes.merge_branch": "host speaker attendee",
        "notes.import": "host speaker attendee",
        "meeting.get": "host speaker attendee transcriber invited org_admin archivist",
        "participants.list": "host speaker attendee transcriber org_admin archivist",
        "people.cards": "host speaker attendee transcriber org_admin archivist",
        "transcript.page": "host speaker attendee transcriber archivist",
        "transcript.range": "host speaker attendee transcriber archivist",
        "messages.page": "host speaker attendee archivist",
        "messages.get": "host speaker attendee archivist",
        "messages.history": "host speaker attendee archivist",
        "notes.sync": "host speaker attendee transcriber archivist",
        "notes.versions": "host speaker attendee transcriber archivist",
        "notes.moments": "host speaker attendee transcriber archivist",
        "notes.branches": "host speaker attendee transcriber archivist",
        "notes.at": "host speaker attendee transcriber archivist",
        "notes.branch": "host speaker attendee transcriber archivist",
        "notes.export": "host speaker attendee transcriber archivist",
        "notes.authors": "host speaker attendee transcriber archivist",
        "read:state": "host speaker attendee transcriber org_admin archivist",
        "read:participants": "host speaker attendee transcriber org_admin archivist",
        "read:transcript": "host speaker attendee transcriber archivist",
        "read:messages": "host speaker attendee archivist",
        "read:notes": "host speaker attendee transcriber archivist",
    }
)

MEETING: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        role: frozenset(action for action, roles in _ROLES.items() if role in roles.split())
        for role in sorted({role for roles in _ROLES.values() for role in roles.split()})
    }
)
