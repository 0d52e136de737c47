"""Where people are in a text, as Yjs editors tell each other, and in code points.

What one shows is awareness: ``{"user": {"name"}, "cursor": {"anchor", "head"}}`` under a Yjs
client id, as presence of the target. So editors that come through the server's doors, the page and
both clients see each other. Users' ids are the server's word; all else is theirs and not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any, Final

import trio
from attrs import frozen

from collab.client.shared_text import SharedText
from protocol.client import Client, PresenceItem
from protocol.errors import ClientError
from protocol.yjs import Presence
from protocol.yjs.shown_awareness import AWARENESS_PART, awareness_in, awareness_shown

CARET_RENEW_S: Final = 15.0  # Yjs editors forget whom they have not heard of for 30 s.


@frozen
class Caret:
    """Where somebody is in a text, in code points; what lies between is selected."""

    user_id: str
    root: str
    anchor: int
    head: int


class Carets:
    """The awareness of one document: what the others show, and what is shown here."""

    def __init__(self, wire: Client, target: str, client: int) -> None:
        """*client* is the Yjs client id to be seen under."""
        self._wire = wire
        self._target = target
        self._client = client
        self._part = f"{AWARENESS_PART}:{client}"  # This session may have other editors.
        self._clock = 0
        self._own: Mapping[str, Any] | None = None
        self._subscribed = trio.Event()  # Replaced whenever :meth:`keep` has seen it.
        self._sessions: dict[str, Mapping[str, Any] | None] = {}

    # ------------------------------------------------------------ what is shown here

    async def show(self, state: Mapping[str, Any] | None) -> None:
        """Show *state* in the place of what is shown; None: nothing.

        Raises what ``protocol.client.Client.presence`` raises. Cancelled: it is not shown.
        """
        before, self._own = self._own, state
        try:
            await self._tell()
        except BaseException:
            self._own = before
            raise

    async def show_at(
        self, text: SharedText, anchor: int, head: int, state: Mapping[str, Any]
    ) -> None:
        """Show a caret in *text*, under one's id as a name unless *state* has a ``user``.

        Raises as :meth:`show`, and:
          IndexError: there is no such place.
        """
        user = {} if self._wire.user_id is None else {"user": {"name": self._wire.user_id}}
        cursor = {"anchor": text.place_of(anchor), "head": text.place_of(head)}
        await self.show({**user, **state, "cursor": cursor})

    async def keep(self) -> None:
        """Show it again every ``CARET_RENEW_S`` and after each reconnect, until cancelled.

        With a higher clock: under the same one a state that has gone does not come back.
        """
        while True:
            with trio.move_on_after(CARET_RENEW_S):
                await self._subscribed.wait()
            self._subscribed = trio.Event()
            if self._own is not None:
                await self._tell_if_possible()

    async def leave(self) -> None:
        """Take back what is shown; also when cancelled."""
        if self._own is not None:
            self._own = None
            with trio.CancelScope(shield=True):  # One step; it does not wait for the server.
                await self._tell_if_possible()

    async def _tell_if_possible(self) -> None:
        # Nobody follows any more, or the client is at its end: then nothing is shown anyway, and
        # whoever waits for the document is told why.
        with suppress(ClientError):
            await self._tell()

    async def _tell(self) -> None:
        self._clock += 1
        own = None
        if self._own is not None:
            own = awareness_shown([Presence(self._client, self._clock, self._own)])
        await self._wire.presence(self._target, own, part=self._part)

    # ------------------------------------------------------------ what the others show

    def take(self, item: PresenceItem) -> None:
        """Somebody came, went or moved."""
        if item.full:
            self._sessions.clear()
            self._subscribed.set()
        self._sessions.update(item.sessions)

    def within(
        self, roots: Collection[str], text_of: Callable[[str], SharedText]
    ) -> dict[tuple[str, int], Caret]:
        """Return everybody who is somewhere in *roots*, by session and Yjs client id.

        *roots* are those that exist: looking into another one would bring it into being.
        """
        carets = {}
        for session, member in self._sessions.items():
            if member is None:
                continue
            for shown in awareness_in(member.get("state")):
                cursor = (shown.state or {}).get("cursor")
                place = _place(cursor, roots, text_of)
                if place is not None:
                    carets[session, shown.client] = Caret(str(member["user"]), *place)
        return carets


def _place(
    cursor: object, roots: Collection[str], text_of: Callable[[str], SharedText]
) -> tuple[str, int, int] | None:
    """Return root, anchor and head of a *cursor*; None: it is nowhere that is known here."""
    if not isinstance(cursor, Mapping):
        return None
    head = cursor.get("head")
    root = head.get("tname") if isinstance(head, Mapping) else None
    if root is None and len(roots) == 1:
        (root,) = roots  # Not every library names the root beside the words.
    if not isinstance(root, str) or root not in roots:
        return None
    text = text_of(root)
    anchor_at, head_at = text.index_of(cursor.get("anchor")), text.index_of(head)
    return None if anchor_at is None or head_at is None else (root, anchor_at, head_at)
