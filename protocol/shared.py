"""What many receivers get: encoded once per encoding, however many they are.

The gateway makes a frame once and hands the same object to every subscription. Server frames are
not masked, so the bytes of all receivers that speak alike are equal.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Self

from protocol.codec import encode
from protocol.limits import PRESENCE_SESSIONS_MAX
from protocol.messages import Events, PresenceChanged

Sessions = Mapping[str, Mapping[str, Any] | None]


class SharedFrame(ABC):
    """Remembers its bytes, once per encoding: ``encoded``, whole WebSocket frames by form."""

    __slots__ = ("encoded", "target")

    def __init__(self, target: str) -> None:
        self.target = target
        self.encoded: dict[str, bytes] = {}  # A subprotocol is a form.

    def bytes_for(self, subprotocol: str) -> bytes:
        """Return whole WebSocket frames, made at the first call and shared by all later ones.

        Raises:
          TypeError: it holds something that the encoding cannot carry: the owner's mistake.
        """
        frames = self.encoded.get(subprotocol)
        if frames is None:
            frames = self.encoded[subprotocol] = self._encode(subprotocol)
        return frames

    def bytes_as(self, form: str, make: Callable[[Self], bytes]) -> bytes:
        """Return what *make* makes of this frame, made once per *form* and shared as well.

        For doors that speak something else than the wire. Raises what *make* raises.
        """
        made = self.encoded.get(form)
        if made is None:
            made = self.encoded[form] = make(self)
        return made

    @abstractmethod
    def _encode(self, subprotocol: str) -> bytes: ...


class EventFrame(SharedFrame):
    """One batch of events, which covers ``after < seq <= seq``."""

    __slots__ = ("after", "events", "seq")

    def __init__(
        self, target: str, after: int, seq: int, events: Sequence[Mapping[str, Any]]
    ) -> None:
        super().__init__(target)
        self.after = after
        self.seq = seq
        self.events = events

    def _encode(self, subprotocol: str) -> bytes:
        events = tuple(self.events)
        message = Events(target=self.target, after=self.after, seq=self.seq, events=events)
        return encode(message, subprotocol)


class PresenceFrame(SharedFrame):
    """Who is here (*full*), or what has changed: by session, None for gone.

    A long list leaves as several messages of at most ``PRESENCE_SESSIONS_MAX`` sessions, of which
    only the first is full.
    """

    __slots__ = ("full", "sessions")

    def __init__(self, target: str, sessions: Sessions, *, full: bool = False) -> None:
        super().__init__(target)
        self.sessions = sessions
        self.full = full

    def messages(self) -> Iterator[PresenceChanged]:
        """Yield it in messages that every client takes."""
        left = iter(self.sessions.items())
        part = dict(islice(left, PRESENCE_SESSIONS_MAX))
        yield PresenceChanged(target=self.target, sessions=part, full=self.full)
        while part := dict(islice(left, PRESENCE_SESSIONS_MAX)):
            yield PresenceChanged(target=self.target, sessions=part)

    def _encode(self, subprotocol: str) -> bytes:
        return b"".join(encode(message, subprotocol) for message in self.messages())
