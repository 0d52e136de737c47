"""What a visit needs of the connection that it came through, and of the owner of the targets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

from protocol.errors import WireError
from protocol.gateway import Peer
from protocol.outbox import Outbox
from protocol.server import WireServer
from protocol.yjs.door_answers import Answers
from protocol.yjs.door_board import Boards

if TYPE_CHECKING:
    from protocol.yjs.door_visit import Visit


@frozen
class Words:
    """What the owner of the targets calls things."""

    topic: str = "notes"  # Its snapshot is {update, state_vector}; events may have an update.
    presence: str = "presence"
    edit: str = "notes.edit"  # {update}
    sync: str = "notes.sync"  # {state_vector} -> {update, state_vector}


class Door(Protocol):
    """The connection, as its visits see it."""

    server: WireServer
    outbox: Outbox
    peer: Peer
    boards: Boards
    words: Words
    answers: Answers

    def start_child(self, function: Callable[[], Awaitable[Any]]) -> None:
        """Run *function* as a child task of the connection."""
        ...

    def call_started(self) -> None:
        """One more open call."""
        ...

    def calls_settled(self, count: int) -> None:
        """So many fewer."""
        ...

    def visit_over(self, visit: Visit, error: WireError) -> None:
        """The server has ended *visit*: tell the client."""
        ...
