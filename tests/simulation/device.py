"""A person's client: the real one, with calls under way, followers, and a document held live."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from random import Random
from typing import Any, Final, Literal

import trio

from collab.client import EditsRefused, LiveNotes, NotesEnded
from collab.client.notes import Notes
from protocol.client import (
    Client,
    Connector,
    LimitExceeded,
    SubscriptionEnded,
    open_client,
)
from protocol.errors import CallAbandoned, CallFailed, ClientClosed, ConnectFailed
from tests.simulation.judge import Judge
from tests.simulation.script import CHAT, MEETING, TARGETS, Knobs
from tests.simulation.stream import Stream

FOLLOWED: Final = (
    (MEETING, frozenset({"state", "participants", "transcript", "messages", "presence"})),
    (MEETING, frozenset({"transcript"})),
    (CHAT, frozenset({"state", "messages"})),  # Whoever has the link may read these.
    (CHAT, frozenset({"members", "messages"})),
    (MEETING, frozenset({"state", "participants"})),  # An admin of the organisation may, too.
)
ROOT: Final = "t"
_ENDINGS: Final = frozenset({"permission_denied", "concluded"})
_RETRY_S: Final = 8.0  # Before following again what was ended for good.
_CALL_TIMEOUT_S: Final = 60.0


class Device:
    """One client of *user*. ``run`` lives until it is cancelled; ``reopen`` starts it anew."""

    def __init__(
        self, number: int, user: str, judge: Judge, rng: Random, knobs: Knobs, connect: Connector
    ) -> None:
        self.number = number
        self.user = user
        self.name = f"d{number}"
        self.posted: dict[str, list[int]] = {target: [] for target in TARGETS}
        self.chunks: list[Mapping[str, Any]] = []
        # Marks in the documents: those not known to be saved, and those that are.
        self.unsaved: dict[str, set[str]] = {target: set() for target in TARGETS}
        self.saved: dict[str, set[str]] = {target: set() for target in TARGETS}
        self.erased: set[str] = set()
        self.calls_open = 0
        self.client: Client | None = None
        self.live: dict[str, LiveNotes | None] = dict.fromkeys(TARGETS)
        self.failed: str | None = None  # Why the client gave up for good.
        self.streams = [Stream(judge, user, target, topics) for target, topics in FOLLOWED]
        self._judge = judge
        self._rng = rng
        self._knobs = knobs
        self._connect = connect
        self._keys = 0
        self._life: trio.CancelScope | None = None
        self._nursery: trio.Nursery | None = None
        self._follow_again = [trio.CancelScope() for _ in self.streams]

    # ------------------------------------------------------------ life

    async def run(self, token: Any) -> None:
        """Be there. One client after the other, when told to; a person does not give up."""
        while True:
            with trio.CancelScope() as self._life:
                await self._live_once(token)
            self._judge.count("reopened")

    async def _live_once(self, token: Any) -> None:
        letter = self._knobs.encodings[self.number]
        encoding: Literal["json", "msgpack"] = "json" if letter == "j" else "msgpack"
        opening = open_client(
            "sim://server",
            token=token,
            encoding=encoding,
            connect=self._connect,
            rng=self._rng,
            follow_buffer_max=self._knobs.follow_buffer,
        )
        async with opening as client, trio.open_nursery() as nursery:
            self.client, self._nursery = client, nursery
            for n in range(len(self.streams)):
                nursery.start_soon(self._follow, client, n)
            # One document each is enough to converge; the first device holds both.
            held = TARGETS if self.number == 0 else (TARGETS[self.number % 2],)
            for target in held:
                nursery.start_soon(self._hold_notes, client, target)
            try:
                await trio.sleep_forever()
            finally:
                self.client = self._nursery = None
                nursery.cancel_scope.cancel()

    def reopen(self) -> None:
        """Drop the client without a goodbye, and open another one that goes on from here."""
        if self._life is not None:
            self._life.cancel()

    # ------------------------------------------------------------ following

    async def _follow(self, client: Client, n: int) -> None:
        while True:
            stream = self.streams[n]
            with trio.CancelScope() as self._follow_again[n]:
                try:
                    topics = sorted(stream.topics)
                    async with client.follow(
                        stream.target, topics, cursor=stream.cursor
                    ) as follower:
                        async for item in follower:
                            stream.take(item)
                except SubscriptionEnded as ended:
                    self._judge.count("ended")
                    self._judge.trace("ended", self.name, stream.target, ended.code)
                    if ended.code not in _ENDINGS:
                        self._judge.fault(
                            "S1.4", f"{self.name} {stream.target} ended: {ended.code}"
                        )
                    await trio.sleep(_RETRY_S)
                except ClientClosed:
                    return
                except ConnectFailed as failed:
                    self.failed = failed.code
                    return

    def follow_again(self, n: int, *, anew: bool) -> None:
        """Leave a follower and start another one: from its cursor, or *anew* without one."""
        if anew:
            old = self.streams[n]
            self.streams[n] = Stream(self._judge, old.user, old.target, old.topics)
        self._follow_again[n].cancel()

    # ------------------------------------------------------------ calls

    def ask(self, target: str, op: str, args: Mapping[str, Any], *, is_read: bool = False) -> None:
        """Call *op* beside whatever else is under way."""
        if self.client is not None and self._nursery is not None:
            self._keys += 1
            key = f"{self.name}-{self._keys}"
            self._nursery.start_soon(self._ask, self.client, target, op, args, key, is_read)

    async def _ask(
        self,
        client: Client,
        target: str,
        op: str,
        args: Mapping[str, Any],
        key: str,
        is_read: bool,
    ) -> None:
        self.calls_open += 1
        judge = self._judge
        try:
            if is_read:
                await client.call(target, op, args, idempotent_read=True, timeout_s=_CALL_TIMEOUT_S)
            else:
                value = await client.call(target, op, args, key=key, timeout_s=_CALL_TIMEOUT_S)
                judge.answered(self.user, target, op, args, key, value)
                if op == "messages.post":
                    self.posted[target].append(value["id"])
        except CallFailed as failed:
            if not is_read:
                judge.refused(self.user, target, op, key, failed.code)
        except (CallAbandoned, ClientClosed, ConnectFailed, LimitExceeded) as given_up:
            judge.count("abandoned")
            judge.trace("abandoned", self.name, op, type(given_up).__name__)
        finally:
            self.calls_open -= 1

    def sign_in_again(self, token: str, *, with_more: bool) -> None:
        """Hand a fresh token in, if there is a connection; *with_more* rights, use them."""
        if self.client is not None and self._nursery is not None:
            self._nursery.start_soon(self._sign_in_again, self.client, token, with_more)

    async def _sign_in_again(self, client: Client, token: str, with_more: bool) -> None:
        try:
            await client.refresh(token, timeout_s=_CALL_TIMEOUT_S)
            if with_more:
                self.follow_again(len(self.streams) - 1, anew=False)
        except (CallAbandoned, CallFailed, ClientClosed, ConnectFailed) as given_up:
            self._judge.trace("no fresh token", self.name, type(given_up).__name__)

    def show(self, target: str, state: Mapping[str, Any]) -> None:
        """Show presence."""
        if self.client is not None and self._nursery is not None:
            self._nursery.start_soon(self._show, self.client, target, state)

    async def _show(self, client: Client, target: str, state: Mapping[str, Any]) -> None:
        try:
            await client.presence(target, state)
        except Exception:  # noqa: BLE001 -- ephemeral: whoever does not follow shows nothing
            self._judge.count("presence_unshown")

    # ------------------------------------------------------------ notes

    async def _hold_notes(self, client: Client, target: str) -> None:
        while True:
            try:
                async with AsyncExitStack() as stack:
                    notes = Notes(client, target)
                    live = await stack.enter_async_context(notes.open(save_timeout_s=0.0))
                    self.live[target] = live
                    stack.callback(self.live.__setitem__, target, None)
                    await self._watch_saving(live, target)
            except (SubscriptionEnded, EditsRefused, NotesEnded):
                await trio.sleep(_RETRY_S)
            except (ClientClosed, ConnectFailed):
                return
            finally:
                self.unsaved[target].clear()  # It may be saved or not.

    async def _watch_saving(self, live: LiveNotes, target: str) -> None:
        unsaved, saved = self.unsaved[target], self.saved[target]
        while True:
            await live.wait_for(lambda: bool(unsaved))
            try:
                await live.saved()
            except EditsRefused as refused:
                self._judge.count("edits_refused")
                self._judge.trace("edits refused", self.name, target, refused.edits.code)
            else:
                saved |= unsaved
                self._judge.count("acknowledged", len(unsaved))
            unsaved.clear()

    def write(self, target: str, nth: int) -> None:
        """Insert a mark that is like no other, between two marks."""
        live = self.live[target]
        if live is not None:
            text = live.text(ROOT)
            places = [0, *(n + 1 for n, letter in enumerate(str(text)) if letter == ">")]
            self._keys += 1
            mark = f"<{self.name}.{self._keys}>"
            self.unsaved[target].add(mark)
            text.insert(places[nth % len(places)], mark)

    def erase(self, target: str, nth: int) -> None:
        """Delete a mark, anybody's."""
        live = self.live[target]
        if live is not None:
            text = live.text(ROOT)
            now = str(text)
            marks = [mark + ">" for mark in now.split(">")[:-1]]
            if marks:
                mark = marks[nth % len(marks)]
                self.erased.add(mark)
                at = now.index(mark)
                text.delete(at, at + len(mark))
