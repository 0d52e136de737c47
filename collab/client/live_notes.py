"""A shared document held live: it takes what others write, and sends what is written here.

::

    body ── edits ──> Doc ──> Unsent ──sender──> notes.edit   one call at a time, the rest merges
                       ^                            │ refused: the Doc is rebuilt from the server's
    server ──receiver──┴── topic notes <────────────┘ state, and the edits are handed to the caller

Nothing is lost: an edit is unsent until the server has it on disk. Nothing is doubled: the same
edit twice is one edit. While there is no connection, edits are kept and merged; afterwards the
topic brings what others wrote meanwhile, and the sender what was written here.
"""

from __future__ import annotations

from base64 import b64decode
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import trio
from pycrdt import Doc, TransactionEvent

from collab.client.carets import Caret, Carets
from collab.client.refusals import UNSAVED, EditsRefused, NotesEnded, RefusedEdits
from collab.client.shared_text import SharedText
from collab.client.target import PRESENCE_TOPIC
from collab.client.unsent import Unsent
from collab.limits import NOTES_EDIT_TRIES_MAX, NOTES_REFUSALS_MAX
from collab.notes.commands import NotesHalved
from collab.notes.fitting import fitted
from protocol.client import (
    Client,
    ConnectionState,
    Event,
    Follower,
    Item,
    LimitExceeded,
    PresenceItem,
    SnapshotItem,
)
from protocol.errors import CallAbandoned, CallFailed, ClientClosed, ClientError

TOPIC: Final = "notes"
HALVED: Final = NotesHalved.TAG
SAVE_TIMEOUT_S: Final = 10.0
RETRY_S: Final = 0.5  # After an answer that allows another attempt; it doubles.
_RETRY_MAX_S: Final = 30.0


class LiveNotes:
    """One target's document. Made by ``Notes.open``.

    Edit through :meth:`text`, or :attr:`doc` with any of pycrdt's types: what a transaction
    changes is sent when it ends.
    """

    def __init__(self, wire: Client, target: str, follower: Follower, state: bytes | None) -> None:
        self._wire = wire
        self._target = target
        self._follower = follower
        self._unsent = Unsent()
        self._changed = trio.lowlevel.ParkingLot()
        self._written = trio.Event()  # Replaced whenever the sender has seen it.
        self._is_taking = False
        self._epoch: str | None = None
        self._end: ClientError | None = None  # Why nothing comes any more;
        self._send_end: ClientError | None = None  # and why nothing can be sent.
        self._refusals: deque[RefusedEdits] = deque(maxlen=NOTES_REFUSALS_MAX)
        self._meanwhile: list[bytes] | None = None  # What comes while a rebuild is fetched.
        self._is_astray = False  # It holds what was refused, and cannot be rebuilt yet.
        self._brought_along = state is not None
        self.rebuilds = 0
        self._doc = self._new_doc([] if state is None else [state])
        self._carets = Carets(wire, target, self._doc.client_id)

    # ------------------------------------------------------------ reading and writing

    @property
    def doc(self) -> Doc[Any]:
        """The live document. A rebuild (see ``rebuilds``) makes another one: do not keep it."""
        return self._doc

    def text(self, root: str) -> SharedText:
        """Return a text root by code points."""
        return SharedText(lambda: self._doc, root)

    def state(self) -> bytes:
        """Return the whole local document, to go on from with ``Notes.open(state=…)``."""
        return self._doc.get_update()

    @property
    def is_saved(self) -> bool:
        """Everything that was written here is on the server's disk, or was refused."""
        is_settled = self._meanwhile is None and not self._is_astray
        return not self._unsent and is_settled and not self._brought_along

    def unsaved(self) -> RefusedEdits:
        """Return what is not saved, as it would be handed out if it were refused."""
        state = self.state()
        update = state if self._brought_along else self._unsent.everything()
        return RefusedEdits(UNSAVED, "not acknowledged by the server", update, state)

    @property
    def refused(self) -> tuple[RefusedEdits, ...]:
        """Refusals that :meth:`saved` has not raised yet, at most ``NOTES_REFUSALS_MAX``."""
        return tuple(self._refusals)

    async def saved(self) -> None:
        """Wait until everything that was written here is on the server's disk.

        Raises:
          EditsRefused: some of it was refused. Each refusal is raised once.
          NotesEnded: the client is at its end, and something is not saved: see :meth:`unsaved`.

        Cancelled: nothing happened; the edits are still on their way.
        """
        await trio.lowlevel.checkpoint()
        while True:
            if self._refusals:
                raise EditsRefused(self._refusals.popleft())
            if self.is_saved:
                return
            if self._send_end is not None:
                raise NotesEnded from self._send_end
            await self._changed.park()

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Return as soon as *condition* holds; it is asked whenever something has changed.

        Raises:
          NotesEnded: it will not change any more.

        Cancelled: nothing happened.
        """
        await trio.lowlevel.checkpoint()
        while not condition():
            if self._end is not None:
                raise NotesEnded from self._end
            await self._changed.park()

    # ------------------------------------------------------------ carets

    async def show_caret(
        self, root: str, anchor: int, head: int, *, state: Mapping[str, Any] | None = None
    ) -> None:
        """Show the others where one is in a text, until the block ends; see ``carets``.

        *state* is shown beside it: ``{"user": {"name": "Ann", "color": "#a33"}}`` is what most
        editors show. Without a ``user`` one's id is the name.

        Raises:
          IndexError: there is no such place.
          NotFollowing, LimitExceeded, ConnectFailed, ClientClosed: see ``Client.presence``.
        """
        await self._carets.show_at(self.text(root), anchor, head, state or {})

    async def hide_caret(self) -> None:
        """Take back what :meth:`show_caret` shows. Raises what ``Client.presence`` raises."""
        await self._carets.show(None)

    @property
    def carets(self) -> dict[tuple[str, int], Caret]:
        """Where everybody is, oneself included, as far as their words are here.

        By session and Yjs client id: one session may speak for several editors.
        """
        return self._carets.within(set(self._doc.keys()), self.text)

    # ------------------------------------------------------------ the document

    def _new_doc(self, updates: list[bytes]) -> Doc[Any]:
        doc = Doc[Any]()
        for update in updates:
            doc.apply_update(update)
        self._noting = doc.observe(self._note)
        return doc

    def let_go(self) -> None:
        """Note no more what is written: a document is never freed that its holder observes."""
        self._doc.unobserve(self._noting)

    def _note(self, event: TransactionEvent) -> None:
        if not self._is_taking:
            self._unsent.add(event.update)
            self._written.set()
        self._changed.unpark_all()

    def _apply(self, update: bytes) -> None:
        self._is_taking = True
        try:
            self._doc.apply_update(update)
        finally:
            self._is_taking = False

    # ------------------------------------------------------------ receiving

    async def receive(self) -> None:
        """Take what the topic brings until it ends."""
        try:
            while items := await self._follower.batch():
                for item in items:
                    self._take(item)
                self._changed.unpark_all()
            self._end = ClientClosed()
        except ClientError as error:
            self._end = error
        self._changed.unpark_all()

    async def receive_first(self) -> None:
        """Take what comes up to the first snapshot."""
        while self._epoch is None:
            for item in await self._follower.batch():
                self._take(item)

    def _take(self, item: Item) -> None:
        if isinstance(item, Event):
            if update := item.data.get("update"):
                self._take_update(_bytes(update), may_cut=item.type == HALVED)
        elif isinstance(item, SnapshotItem):
            self._take_snapshot(item)
        elif isinstance(item, PresenceItem):
            self._carets.take(item)

    def _take_update(self, update: bytes, *, may_cut: bool) -> None:
        """Take what others wrote, which our library cannot if it cuts characters: ``fitted``."""
        if self._meanwhile is not None:
            self._meanwhile.append(update)
        if may_cut:
            whole = self._doc.get_update()
            bearing, update = fitted(whole, update)
            if bearing is not whole:
                self._rebuild([bearing])
        self._apply(update)

    def _take_snapshot(self, item: SnapshotItem) -> None:
        shown = item.topics[TOPIC]
        update, known = _bytes(shown["update"]), _bytes(shown["state_vector"])
        if self._epoch not in (None, item.epoch):
            # History was rewritten. What is not saved goes to the server with all that it builds
            # on, which keeps it as a branch if it does not know that; here the new history counts.
            if self._unsent:
                self._unsent.replace(self._doc.get_update())
            if self._meanwhile is not None:
                self._meanwhile.clear()
            self._rebuild([update])
        else:
            # It may hold what others did to characters that are whole here.
            self._take_update(update, may_cut=True)
            if self._brought_along:
                self._unsent.replace(self._doc.get_update(known))
                self._written.set()
        self._brought_along = False
        self._epoch = item.epoch

    def _rebuild(self, updates: list[bytes]) -> None:
        self.let_go()
        self._doc = self._new_doc(updates)
        self.rebuilds += 1

    # ------------------------------------------------------------ sending

    async def send(self) -> None:
        """Send what is written here, until the client ends."""
        try:
            while True:
                await self._written.wait()
                await self._wire.wait_state(ConnectionState.LIVE)
                if (update := self._unsent.take()) is None:
                    self._written = trio.Event()
                    self._changed.unpark_all()
                else:
                    await self._send_one(update)
        except ClientError as error:
            self._send_end = error
            self._changed.unpark_all()

    async def _send_one(self, update: bytes) -> None:
        """Have one update saved or refused; leave it unsent if that is not known."""
        whole: bytes | None = None
        for attempt in range(NOTES_EDIT_TRIES_MAX):
            try:
                await self._wire.ask(self._target, "notes.edit", {"update": whole or update})
            except CallAbandoned:
                return None  # Again, with what was written since: the same edit twice is one edit.
            except LimitExceeded as error:
                if error.limit == "FRAME_BYTES_MAX":
                    return await self._refuse("notes_too_large", error.message)
                await trio.sleep(RETRY_S)
                return None
            except CallFailed as error:
                if error.code == "notes_missing_history" and whole is None:
                    whole = self._doc.get_update()  # Everything we have, as the server asks.
                elif not error.retryable or attempt + 1 == NOTES_EDIT_TRIES_MAX:
                    return await self._refuse(error.code, error.message)
                else:
                    await trio.sleep(RETRY_S * 2**attempt)
            else:
                self._unsent.settle()
                self._changed.unpark_all()
                return None
        return None

    async def _refuse(self, code: str, message: str) -> None:
        """Take back everything that is not saved: later edits build on the refused ones.

        Without a state to rebuild from, this replica holds words that nobody else has: it asks
        until it may read again, or until it is told that it is shut out.
        """
        delay_s = RETRY_S
        self._is_astray = True
        while self._is_astray:
            state = await self._rebuild_fresh()
            self._is_astray = state is None and self._end is None
            if state is None:
                state = self._doc.get_update()
            if self._unsent:
                self._refusals.append(RefusedEdits(code, message, self._unsent.clear(), state))
            self._changed.unpark_all()
            if self._is_astray:
                await trio.sleep(delay_s)
                delay_s = min(2 * delay_s, _RETRY_MAX_S)

    async def _rebuild_fresh(self) -> bytes | None:
        """Go on with the server's document; return what was here. None: it may not be read."""
        self._meanwhile = []
        try:
            fresh = await self._fetch()
            state = self._doc.get_update()
            meanwhile, self._meanwhile = self._meanwhile, None
            self._rebuild([fresh])
            for update in meanwhile:
                self._take_update(update, may_cut=True)
        except CallFailed:
            return None
        finally:
            self._meanwhile = None
        return state

    async def _fetch(self) -> bytes:
        """Return the server's whole document. Raises: CallFailed, we may not read it."""
        while True:
            epoch = self._epoch
            try:
                answer = await self._wire.call(
                    self._target, "notes.sync", {"state_vector": b""}, idempotent_read=True
                )
            except CallAbandoned:
                continue
            except CallFailed as error:
                if not error.retryable:
                    raise
                await trio.sleep(RETRY_S)
                continue
            if epoch == self._epoch:
                return _bytes(answer["update"])


def _bytes(value: bytes | str) -> bytes:
    """Return bytes; as JSON carries them they are base64."""
    return b64decode(value) if isinstance(value, str) else value


@asynccontextmanager
async def open_live_notes(
    wire: Client, target: str, *, state: bytes | None, save_timeout_s: float
) -> AsyncIterator[LiveNotes]:
    """Hold the document of *target* live while the block runs; see ``Notes.open``."""
    failed: Exception | None = None
    async with wire.follow(target, [TOPIC, PRESENCE_TOPIC], lasting=True) as follower:
        live = LiveNotes(wire, target, follower, state)
        try:
            if state is None:
                await live.receive_first()
            async with trio.open_nursery() as nursery:
                for task in (live.receive, live.send, live._carets.keep):
                    nursery.start_soon(task)
                try:
                    yield live
                    await _save_last(live, save_timeout_s)
                except Exception as error:  # noqa: BLE001 - raised again outside the nursery.
                    failed = error
                nursery.cancel_scope.cancel()
        finally:
            live.let_go()
            await live._carets.leave()
    if failed is not None:
        raise failed


async def _save_last(live: LiveNotes, timeout_s: float) -> None:
    """Wait for the last edits. Raises: EditsRefused."""
    with trio.move_on_after(timeout_s) as waited:
        try:
            await live.saved()
        except NotesEnded:
            waited.cancel()
    if not live.is_saved:
        raise EditsRefused(live.unsaved())
