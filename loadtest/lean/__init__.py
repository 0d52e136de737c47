"""A raw client that costs the generator next to nothing: bare sockets, epoll, no tasks.

::

    Loop         sockets and due times; calls whoever is ready, one after the other
    Connection   one WebSocket: opening handshake, masking, frames in and out, backlog
    Session      hello, calls and one subscription in MessagePack, answers by reference number
    Stream       what one sender sends of one sort, numbered and due at known times
    Account      what one receiver got of each stream: lost, duplicated, reordered

It speaks only what the scenarios need and checks what it gets; it is no client library.
"""

from loadtest.lean.account import Account, Verdict, marks_in
from loadtest.lean.connection import Connection, Endpoint
from loadtest.lean.loop import Loop
from loadtest.lean.session import Answer, Session, open_sessions
from loadtest.lean.stream import Stream

__all__ = [
    "Account",
    "Answer",
    "Connection",
    "Endpoint",
    "Loop",
    "Session",
    "Stream",
    "Verdict",
    "marks_in",
    "open_sessions",
]
