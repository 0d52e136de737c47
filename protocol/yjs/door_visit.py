"""One client at one document: what it says becomes calls and presence, what happens is told.

::

    client (through its door)       Visit                               gateway
    --------------------------      -------------------------------     ------------------------
    (let in)                   ->   open()                          ->  subscribe; call edit {}
                               <-   welcome: may it write?          <-  snapshot; reply | refusal
    step 1 {state vector}      ->   step1()                         ->  call sync
                               <-   step 2 {what it lacks}, step 1  <-  reply
    step 2, update             ->   edit()                          ->  call edit
                               <-   accepted: it is durable         <-  reply
                               <-   update                          <-  events of others
    awareness                  ->   awareness() -> board            ->  presence
                               <-   awareness, stamped              <-  presence of all

Whether it may write is asked with an empty edit, in the same order as everything else. A client
that may not is a reader: it is not asked for what it has, its edits are refused and told so. The
update that this client has sent does not come back to it.

What ends a visit is in ``door_codes``. The door is told by ``visit_over``; what that means for the
socket is its business.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import trio

from protocol.errors import WireError
from protocol.frames import server_frame
from protocol.gateway import EventFrame, Identity
from protocol.host import Host
from protocol.messages import (
    Ended,
    Error,
    PresenceChanged,
    Reset,
    ServerMessage,
    Snapshot,
    Subscribe,
)
from protocol.structure import unstructure
from protocol.subscription import Phase, WireSubscription
from protocol.yjs.awareness import decode_awareness
from protocol.yjs.door_answers import has_more
from protocol.yjs.door_call import DoorCall, OnFail, OnReply
from protocol.yjs.door_codes import TOKEN_EXPIRED, Verdict, reason_of, verdict_of
from protocol.yjs.door_dialect import Dialect
from protocol.yjs.door_edit import Edit, OwnUpdates
from protocol.yjs.door_faces import Door
from protocol.yjs.door_resync import Missing, Resync
from protocol.yjs.door_token import TokenWatch
from protocol.yjs.frames import AwarenessUpdate, SyncStep1, SyncStep2, SyncUpdate
from protocol.yjs.limits import DOOR_PAGED_EVENTS_MAX

NO_UPDATE: Final = b"\x00\x00"  # No structs, no deletions.
NO_STATE: Final = b"\x00"  # The state vector of an empty document.
NOBODY: Final = b"\x00"  # An awareness update about no client.
READ_ONLY: Final = "read-only"


class Visit(Host):
    """See the module. Implements ``gateway.Connection``: a session of its own for each document."""

    def __init__(self, door: Door, dialect: Dialect, target: str, identity: Identity) -> None:
        """Raises ValueError if *target* cannot be one."""
        self.server = door.server
        self.outbox = door.outbox
        self.peer = door.peer
        self.session_id = door.server.new_session_id()
        self.target = target
        self.is_over = False
        self._door = door
        self._dialect = dialect
        self._identity = identity
        topics = (door.words.topic, door.words.presence)
        self._wish = Subscribe(ref=0, target=target, topics=topics)
        self._subscription = WireSubscription(self, self._wish)
        self._board = door.boards.enter(target)
        self._calls: set[DoorCall] = set()
        self._may_write: bool | None = None  # None: not known yet.
        self._snapshot: tuple[bytes, bytes] | None = None  # Update, state vector: for step 1.
        self._asked: bytes | None = None  # A step 1 that came before the snapshot.
        self._known = NO_STATE  # What the client has had, at least, since it was answered last.
        self._leap: trio.Event | None = None  # Being caught up with in one step.
        self._own = OwnUpdates()
        self.form = dialect.form or ""
        self._resync = Resync()
        self._has_seen_all = False
        self._token = TokenWatch(
            door.server.wheel,
            door.server.clock_ms,
            on_asking=self._want_token,
            on_end=self._token_ended,
        )
        self._token.start(identity.expires_at_ms)

    @property
    def identity(self) -> Identity:
        """Who speaks; replaced by a token refresh."""
        return self._identity

    @property
    def is_lagging(self) -> bool:
        """True while it re-reads what it had no room for."""
        return self._subscription.phase is Phase.LAGGING

    # ------------------------------------------------------------ life

    def open(self) -> None:
        """Ask to be let in."""
        self._may_write = None
        self.follow(self._subscription)
        if not self.is_over:
            edit = self._door.words.edit
            self._call(edit, {"update": NO_UPDATE}, self._can_write, self._cannot_write)

    def _open_again(self) -> None:
        """It was shut out, perhaps of other things only, or all has ended: may it still read?"""
        if not self.is_over:
            self._subscription = WireSubscription(self, self._wish)
            self._asked = NO_STATE  # What it missed meanwhile comes with the whole.
            self.open()

    def leave(self, *, is_ours: bool = False) -> None:
        """Say nothing more: the client has left, or we end it (*is_ours*). Idempotent."""
        if self.is_over:
            return
        self.is_over = True
        self._token.stop()
        self._subscription.drop()
        calls, self._calls = self._calls, set()
        for call in calls:
            self.server.wheel.discard(call, call.tick)
            call.abandon() if is_ours else call.orphan()
        self._door.calls_settled(len(calls))
        self._door.answers.forget(self)
        if self._leap is not None:
            self._leap.set()
        self._board.release(self.session_id)
        self._door.boards.leave(self.target)

    def end(self, error: WireError) -> None:
        """The server ends it, and the door tells the client."""
        if not self.is_over:
            self.leave(is_ours=True)
            self._door.visit_over(self, error)

    def renew(self, identity: Identity) -> None:
        """Go on under a fresh token; the user must be the same."""
        if identity.user_id != self._identity.user_id:
            self.end(WireError("unauthenticated", "a fresh token must speak for the same user"))
            return
        self._identity = identity
        self._token.start(identity.expires_at_ms)
        self.identity_changed()

    def unjudged(self, fault: WireError) -> None:
        """See ``Host``."""
        self.end(fault)

    def start_child(self, function: Callable[[], Awaitable[Any]]) -> None:
        """Run *function* as a child task of the connection."""
        self._door.start_child(function)

    # ------------------------------------------------------------ from the client

    def step1(self, state_vector: bytes) -> None:
        """The client tells what it has, and wants what it lacks."""
        if self._may_write is None:
            self._asked = state_vector
        else:
            self._door.answers.ask(self, state_vector)

    def answer(self, state_vector: bytes) -> None:
        """It is this visit's turn to send the document. Ends with ``Answers.done``."""
        snapshot, self._snapshot = self._snapshot, None
        if snapshot is not None and state_vector == NO_STATE:
            self._answer(state_vector, *snapshot)
            return

        def answer(value: object, _seq: int | None) -> None:
            plain = unstructure(value)
            self._answer(state_vector, plain["update"], plain["state_vector"])

        self._call(self._door.words.sync, {"state_vector": state_vector}, answer, self.end)

    def edit(self, update: bytes, *, is_answer: bool) -> None:
        """The client changed something, or (*is_answer*) tells what we lack."""
        answer = self._resync.answer() if is_answer else None
        if update == NO_UPDATE:
            self._accepted(answer)
        else:
            Edit(self, update, answer).send()

    def awareness(self, update: bytes) -> None:
        """The client tells who is where; only what it says of itself counts.

        Raises:
          FrameRefused: malformed, or too large.
        """
        if self._board.is_echo(update):
            return
        entries = decode_awareness(update)
        if self._board.take(self.session_id, self._identity.user_id, entries):
            self._show()

    def query_awareness(self) -> None:
        """The client wants to know who is here."""
        for update in self._board.all_told():
            self._say(self._dialect.write(AwarenessUpdate(update)))

    # ------------------------------------------------------------ opening and syncing

    def _can_write(self, _value: object, _seq: int | None) -> None:
        self._start(may_write=True)

    def _cannot_write(self, error: WireError) -> None:
        if verdict_of(error) is Verdict.READ_ON:
            self._start(may_write=False)
        else:
            self.end(error)

    def _start(self, *, may_write: bool) -> None:
        self._may_write = may_write
        self._say(self._dialect.welcome(may_write=may_write))
        self._show()
        asked, self._asked = self._asked, None
        if asked is not None:
            self.step1(asked)

    def _answer(self, state_vector: bytes, update: bytes, ours: bytes) -> None:
        """Send what the client lacks; ask it for what we lack."""
        self._known = ours
        self._say(self._dialect.write(SyncStep2(update)))
        if self._may_write:
            self._ask(ours)
        elif has_more(state_vector, ours):
            self._say(self._dialect.refused(READ_ONLY))
        else:
            self._say(self._dialect.accepted())
        self._door.answers.done(self)

    def _ask(self, state_vector: bytes) -> None:
        self._resync.asked()
        self._say(self._dialect.write(SyncStep1(state_vector)))

    def _accepted(self, answer: int | None) -> None:
        for _ in range(1 + self._resync.accepted(answer)):
            self._say(self._dialect.accepted())

    def call_edit(self, update: bytes, on_reply: OnReply, on_fail: OnFail) -> None:
        """Ask the owner to take *update*."""
        self._call(self._door.words.edit, {"update": update}, on_reply, on_fail)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count as an open call, so that few of them wait."""
        self._door.call_started()
        try:
            yield
        finally:
            self._door.calls_settled(1)

    def edit_accepted(self, update: bytes, seq: int | None, answer: int | None) -> None:
        """An edit is durable, as event *seq*."""
        if seq is not None:
            self._own.add(seq, update)
            self.form = ""
        self._accepted(answer)

    def edit_refused(self, error: WireError, answer: int | None) -> None:
        """An edit was not taken."""
        verdict = verdict_of(error)
        if verdict is Verdict.READ_ON:
            self._say(self._dialect.refused(reason_of(error)))
            return
        follows = self._resync.missing(answer) if verdict is Verdict.RESYNC else Missing.GIVE_UP
        if follows is Missing.GIVE_UP:
            self.end(error)
        elif follows is Missing.ASK:
            self._ask(NO_STATE)

    def _call(self, op: str, args: Mapping[str, Any], on_reply: OnReply, on_fail: OnFail) -> None:
        call = DoorCall(self, op, args, on_reply, on_fail)
        call.tick = self.expect_call(call, call.started_s, None)
        self._calls.add(call)
        self._door.call_started()
        self.start_call(call)

    def call_settled(self, call: DoorCall) -> None:
        """Called by a call that has its outcome, before it is told."""
        self._calls.discard(call)
        self.server.wheel.discard(call, call.tick)
        self._door.calls_settled(1)

    # ------------------------------------------------------------ from the subscription

    def send(self, message: ServerMessage) -> bool:
        """Tell the client what its subscription says; return False if that makes no sense."""
        try:
            self._tell(message)
        except Exception as error:  # noqa: BLE001 -- a topic of another shape than was agreed
            self.server.fault(f"tell {message.TAG}", error)
            return False
        return True

    def _tell(self, message: ServerMessage) -> None:
        match message:
            case PresenceChanged(sessions=sessions, full=full):
                self._tell_presence(sessions, is_full=full)
            case Snapshot(topics=topics):
                document = topics[self._door.words.topic]
                self._snapshot = (document["update"], document["state_vector"])
            case Reset(topics=topics):
                document = topics[self._door.words.topic]
                self._snapshot = (document["update"], document["state_vector"])
                self.step1(NO_STATE)
            case Ended(code="permission_denied" | "concluded"):
                self._open_again()
            case Ended() | Error():
                retryable = message.retryable
                self.end(WireError(message.code, message.message, retryable=retryable))
            case _:
                pass  # Nothing that a Yjs client could make use of.

    def event_bytes(self, frame: EventFrame) -> bytes:
        """Return the frame's updates, shared by all who speak alike; none to who sent them."""
        others = self._own.left_out_of(frame)
        if self._own.is_empty:
            self.form = self._dialect.form or ""
        return self._dialect.events(others) if others.events else b""

    def subscription_over(self, subscription: WireSubscription) -> None:
        """Its clock stops; the message that follows ends the visit."""
        self.forget(subscription)

    async def catch_up(self, subscription: WireSubscription) -> None:
        """Send what was missed; much of it as one update, which is less than its parts.

        Cancelled: the connection is ending; what was sent was sent.
        """
        if subscription.newest_seq - subscription.seq > DOOR_PAGED_EVENTS_MAX:
            self._leap = trio.Event()
            words, known = self._door.words, {"state_vector": self._known}
            self._call(words.sync, known, partial(self._leapt, subscription), self.end)
            await self._leap.wait()
            self._leap = None
        await super().catch_up(subscription)

    def _leapt(self, subscription: WireSubscription, value: object, seq: int | None) -> None:
        plain = unstructure(value)
        self._known = plain["state_vector"]
        self._say(self._dialect.write(SyncUpdate(plain["update"])))
        subscription.leap_to(seq or 0)
        if self._leap is not None:
            self._leap.set()

    def _tell_presence(
        self, sessions: Mapping[str, Mapping[str, Any] | None], *, is_full: bool
    ) -> None:
        if is_full:
            updates = self._board.everybody(sessions, again=self._has_seen_all)
            self._has_seen_all = True
        else:
            updates = self._board.told(sessions)
        for update in updates:
            self._say(self._dialect.write(AwarenessUpdate(update)))

    # ------------------------------------------------------------ parts

    def tick(self) -> None:
        """Called by the door now and then: what was kept for a hasty client is let go."""
        self._snapshot = None

    def keep_alive(self) -> None:
        """Say something that means nothing: clients reconnect if they hear nothing."""
        self._say(self._dialect.write(AwarenessUpdate(NOBODY)))

    def _show(self) -> None:
        """Put into presence what the board holds of this client."""
        if self._may_write is not None:
            self.pass_presence(self._subscription, self._board.presence_of(self.session_id))

    def _say(self, payload: bytes | None) -> None:
        if payload is not None and not self.is_over:
            self.send_frame(server_frame(payload, is_text=False))

    def _want_token(self) -> None:
        self._say(self._dialect.token_wanted())

    def _token_ended(self) -> None:
        self.end(WireError(TOKEN_EXPIRED, "come back with a fresh token"))
