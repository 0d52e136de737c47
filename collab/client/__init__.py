"""The Python client of meetings, chats, notes and one's own list.

::

    async with connect("http://127.0.0.1:8787", token="dev:ann") as client:
        meeting = client.meeting("m1")
        await meeting.messages.post("hi")
        async for item in meeting.follow():
            ...
        async with meeting.notes.open() as notes:
            notes.text("codemirror").insert(0, "hello")

It is ``protocol.client`` with names: calls wait for a connection, are sent again after a
reconnect, and happen once; followers go on without gap or duplicate. Answers are plain structures,
as ``docs/spec.md`` and the command classes say. Errors are those of ``protocol.errors``.
"""

from collab.client.carets import Caret
from collab.client.chat import Chat, Members
from collab.client.inbox_shown import InboxItem, InboxNotice, InboxShown
from collab.client.live_notes import LiveNotes
from collab.client.meeting import Meeting, People, Transcript
from collab.client.messages import Messages, MessageView
from collab.client.messages_shown import MessagesShown, ShownMessage
from collab.client.notes import Notes
from collab.client.opening import CollabClient, connect, wire_address
from collab.client.refusals import EditsRefused, NotesEnded, RefusedEdits
from collab.client.shared_text import SharedText
from collab.client.target import Following
from collab.client.user import Connections, InboxView, Me, Notices, OwnProfile, Person
from protocol.client import Cursor, Event, Item, PresenceItem, SnapshotItem

__all__ = [
    "Caret",
    "Chat",
    "CollabClient",
    "Connections",
    "Cursor",
    "EditsRefused",
    "Event",
    "Following",
    "InboxItem",
    "InboxNotice",
    "InboxShown",
    "InboxView",
    "Item",
    "LiveNotes",
    "Me",
    "Meeting",
    "Members",
    "MessageView",
    "Messages",
    "MessagesShown",
    "Notes",
    "NotesEnded",
    "Notices",
    "OwnProfile",
    "People",
    "Person",
    "PresenceItem",
    "RefusedEdits",
    "SharedText",
    "ShownMessage",
    "SnapshotItem",
    "Transcript",
    "connect",
    "wire_address",
]
