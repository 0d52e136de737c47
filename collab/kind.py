"""How a kind of thing that lives is declared: meetings, chats, users, and yours.

A kind is plain data and pure functions; ``collab.live`` runs it. See ``docs/guide.md``.

::

    commands   class -> decide(state, command, context) -> Outcome     (may refuse)
    queries    class -> answer(state, query, context)   -> Answer      (reads only)
    events     class -> evolve(state, event, stamp)     -> None        (never refuses)
    topics     name  -> Topic: which events it carries, what its snapshot shows
    role_of    (state, caller) -> role;  permissions: role -> actions

An *action* is a command's or query's ``TAG``, or ``"read:" + topic``. Deny is the default.
Tags of commands, queries and events are journaled or on the wire: they never change.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Protocol, TypeVar, cast

from attrs import define, field, fields, frozen

from collab.errors import CollabError

if TYPE_CHECKING:
    from collab.audit import AuditFilter, AuditRecord
    from collab.audit.entry import AuditRow

S = TypeVar("S")

RECHECK: Final = ""  # No user's id; see ``Kind.revokes``.


class Tagged(Protocol):
    """A class with a name on the wire or in the journal."""

    TAG: ClassVar[str]


@frozen
class Caller:
    """Who asks. ``claims`` are what the identity provider said beyond the id."""

    user_id: str
    org_id: str | None = None
    org_role: str | None = None
    session_id: str | None = None
    is_dev: bool = False  # ``collab serve --dev``: things come into being when first opened.
    # A service (transcriber, bot) may do only these: ``kind:action``, the action as in the
    # permission table or ``*``. None: a person, bound by roles alone.
    scopes: frozenset[str] | None = None
    is_guest: bool = False  # Has not signed in; see ``collab.identity.guests``.
    address: str = ""  # The host that they speak from; "": from within the server.
    permissions: frozenset[str] = frozenset()  # Words of the issuer's; ours mean none of them.


@define(eq=False)
class Context:
    """What comes in from outside, so that rules need no clock and no randomness."""

    caller: Caller
    now_ms: int
    target: str  # "kind:key" of the thing itself
    seq: int  # Of the newest event; the first one decided now becomes ``seq + 1``.
    new_id: Callable[[], str]
    answer: Any = None  # To ``Outcome.ask``, when the command is decided again; None before.


@define
class Stamp:
    """Who caused an event, when, and its place in the target's history."""

    seq: int
    at_ms: int
    by: str


@frozen
class Ask:
    """A question to another target: an instance of a class among its kind's ``signals``.

    What it causes there is durable before its answer is seen; the answer may go unused.
    """

    target: str
    question: Any


@define(eq=False)
class Outcome:
    """What a command causes. ``value`` is the reply; it may be a plain structure or attrs.

    With a ``refusal`` the events happen and their sender is refused all the same: what was asked
    was not done, but not lost either.

    With a ``draft`` nothing is decided yet: it is awaited first, beside the actor, which goes on
    meanwhile; then the command is decided again. It writes only into the command, and what it
    found may be out of date by then. Cancelled at any await if nobody waits for the answer.

    With ``ask`` nothing is decided yet either: another target is asked, and then the command is
    decided again, with ``Context.answer``. If the other one refuses, so is the command.
    """

    events: Sequence[Any] = ()
    value: object = None
    refusal: CollabError | None = None
    draft: Callable[[Reader], Awaitable[None]] | None = None
    ask: Ask | None = None


@frozen
class Put:
    """Projection row: item ``position`` of ``listing`` of the owner (insert or replace)."""

    listing: str
    position: int
    value: bytes


@frozen
class Remove:
    """Projection row: take item ``position`` out of ``listing``."""

    listing: str
    position: int


@frozen
class Signal:
    """A command for another target, sent at least once after the event that causes it is durable.

    The receiver's rules must be idempotent: the same signal may arrive twice, and an older one
    after a newer one. ``command`` is an instance of a class among the receiver's ``signals``.

    Signals that tell how things stand, rather than what happened, share a ``slot``: a newer one
    from the same source to the same target takes the place of an older one that still waits.
    """

    target: str
    command: Any
    slot: str | None = None


@frozen
class Item:
    """One row of a listing, as read back."""

    position: int
    value: bytes


@frozen
class Happened:
    """An event of an owner's history, as its kind declares it."""

    stamp: Stamp
    event: Any


class Listings(Protocol):
    """Read-only access to the committed listings of one owner. Every store has it."""

    async def page(
        self,
        owner: str,
        listing: str,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int,
    ) -> list[Item]:
        """Return up to *limit* items: the newest below *before*, or the oldest above *after*.

        Always in ascending position. With neither bound: the newest. Cancelled: nothing happened.
        """
        ...

    async def get(self, owner: str, listing: str, positions: Sequence[int]) -> list[Item]:
        """Return those of *positions* that exist, ascending. Cancelled: nothing happened."""
        ...


class Reader(Listings, Protocol):
    """Read-only access to what is committed of one owner: its listings and its history."""

    async def events(self, owner: str, *, after: int, limit: int) -> list[Happened]:
        """Return up to *limit* events with ``seq > after``, oldest first.

        Fewer than *limit* means that the end was reached. Cancelled: nothing happened.
        """
        ...

    async def audit_page(self, wanted: AuditFilter) -> list[AuditRecord]:
        """Return the newest entries of the audit log that fit, newest first.

        Cancelled: nothing happened.
        """
        ...


@frozen
class Answer:
    """What a query returns: a value from the state, or a read of storage that makes one.

    ``read`` runs outside the actor, after everything that the query saw is durable and only if
    the caller was permitted; it may be cancelled at any await.
    """

    value: object = None
    read: Callable[[Reader], Awaitable[object]] | None = None


@frozen(kw_only=True)
class Topic(Generic[S]):
    """One stream of a kind. Events are listed once, in exactly one topic.

    ``is_batched`` topics flush at most every ``BATCH_INTERVAL_S``; others at once.
    ``snapshot`` returns what a new subscriber sees first, as a plain structure; ``shape`` says of
    what shape that is, for the contract (``collab.schema``): a typed dictionary or attrs class.
    What depends on the time, too, is given as ``snapshot_at`` instead, which gets Unix ms.
    """

    events: tuple[type[Tagged], ...]
    snapshot: Callable[[S, Caller], object] | None = None
    snapshot_at: Callable[[S, Caller, int], object] | None = None
    is_batched: bool = False
    shape: Any = None  # None: not said.

    def __attrs_post_init__(self) -> None:
        if (self.snapshot is None) == (self.snapshot_at is None):
            raise ValueError("a topic has a snapshot, or one that depends on the time")

    def shown(self, state: S, caller: Caller, now_ms: int) -> object:
        """Return the snapshot for *caller*; *now_ms* is Unix ms."""
        if self.snapshot is not None:
            return self.snapshot(state, caller)
        assert self.snapshot_at is not None
        return self.snapshot_at(state, caller, now_ms)


@frozen(kw_only=True)
class Kind(Generic[S]):
    """Everything that the server needs to know to run a kind. Checked when it is made."""

    name: str
    new_state: Callable[[str], S]  # key -> the state before the first event
    commands: Mapping[type[Tagged], Callable[[S, Any, Context], Outcome]]
    events: Mapping[type[Tagged], Callable[[S, Any, Stamp], None]]
    topics: Mapping[str, Topic[S]]
    role_of: Callable[[S, Caller], str]
    permissions: Mapping[str, frozenset[str]]  # role -> actions
    queries: Mapping[type[Tagged], Callable[[S, Any, Context], Answer]] = field(factory=dict)
    # Commands that other targets send as signals; no permission, never reachable from the wire.
    signals: Mapping[type[Tagged], Callable[[S, Any, Context], Outcome]] = field(factory=dict)
    # Projection rows and signals that an event causes; called right after evolve, also pure.
    rows: Callable[[S, Any, Stamp], Sequence[Put | Remove | AuditRow]] = (
        lambda _state, _event, _stamp: ()
    )
    signals_of: Callable[[S, Any, Stamp], Sequence[Signal]] = lambda _state, _event, _stamp: ()
    # Old items that a command needs in memory: listing -> positions; put there by ``load``.
    needs: Callable[[S, Any], Mapping[str, Sequence[int]]] = lambda _state, _command: {}
    load: Callable[[S, str, Sequence[Item]], None] | None = None
    # What is to be found out about a command or query before it is decided, in slices that let
    # others run, or with reads: (state, command, caller, own target, reader). None: nothing, the
    # usual case. The result is called if the caller is permitted; it writes only into the command.
    study: Callable[[S, Any, Caller, str, Reader], Callable[[], Awaitable[None]] | None] = (
        lambda _state, _command, _caller, _target, _reader: None
    )
    # With ``Caller.is_dev``: events that let the caller in, before any command or subscription.
    welcome: Callable[[S, Caller, Context], Sequence[Any]] = lambda _state, _caller, _context: ()
    # Commands that neither ``needs`` nor ``study`` has anything to say about, and events that cause
    # nothing beside themselves (rows, signals, redactions, revocations, a conclusion): the frequent
    # ones, so that nobody is asked about them.
    immediate: frozenset[type[Tagged]] = frozenset()
    quiet: frozenset[type[Tagged]] = frozenset()
    # Commands that are safe to repeat by their own rules: no answer to them is remembered.
    idempotent: frozenset[type[Tagged]] = frozenset()
    # Presence shows who is here: for those who may read this topic; None: for all who read any.
    presence_with: str | None = None
    # Earlier events (seqs) whose content an event takes back, such as a deleted message's; and
    # what is shown of such an event from then on. The journal keeps it until retention ends it.
    redacts: Callable[[Any], Sequence[int]] = lambda _event: ()
    redacted: Callable[[Any], Any] = lambda event: event
    # Says which event concludes the thing: every subscription ends right after it, with the code
    # ``concluded``. Who may read on subscribes again.
    concludes: Callable[[Any], bool] = lambda _event: False
    # Which users an event shuts out, if any: their subscriptions end right after it. ``RECHECK``
    # among them: everybody whose role does not let them read any more, whoever that is.
    revokes: Callable[[S, Any], Sequence[str]] = lambda _state, _event: ()
    # When the thing wants to be woken, Unix ms; None: not at all. Asked after each batch; at that
    # time it gets the signal ``collab.alarms.Ring``, if it is in memory or was since the start.
    wakes_at: Callable[[S], int | None] | None = None
    # Actions that the audit log notes when they are granted, each with the fields of its command
    # that are kept; refused ones always are. Never a field that holds what people say, or a key.
    audited: Mapping[str, Sequence[str]] = field(factory=dict)
    # Signals that change who may do what, or take something away, likewise. Their first field says
    # who has done it; if there is none, their sender has.
    audited_signals: Mapping[str, Sequence[str]] = field(factory=dict)
    # Brings the state's plain fields up to date before a snapshot is made of them: for states that
    # hold something live, such as a document, in a field with ``init=False``.
    settle: Callable[[S], None] = lambda _state: None

    def __attrs_post_init__(self) -> None:
        listed = [event for topic in self.topics.values() for event in topic.events]
        if len(set(listed)) != len(listed):
            raise ValueError(f"kind {self.name}: an event is listed in two topics")
        if unknown := set(listed) - set(self.events):
            raise ValueError(f"kind {self.name}: topics list unknown events {unknown}")
        tags = [cls.TAG for cls in (*self.commands, *self.queries, *self.signals)]
        if len(set(tags)) != len(tags):
            raise ValueError(f"kind {self.name}: two commands share a tag")
        event_tags = [cls.TAG for cls in self.events]
        if len(set(event_tags)) != len(event_tags):
            raise ValueError(f"kind {self.name}: two events share a tag")
        if strange := (self.quiet - set(self.events)) | (self.immediate - set(self.commands)):
            raise ValueError(f"kind {self.name}: {strange} are not its own")
        self._check_audited(self.audited, (*self.commands, *self.queries))
        self._check_audited(self.audited_signals, self.signals)
        if self.presence_with is not None and self.presence_with not in self.topics:
            raise ValueError(f"kind {self.name}: no topic {self.presence_with} for presence")
        if stray := self.allowed - self.actions:
            raise ValueError(f"kind {self.name}: permissions name unknown actions {sorted(stray)}")

    def _check_audited(
        self, audited: Mapping[str, Sequence[str]], classes: Iterable[type[Tagged]]
    ) -> None:
        by_tag = {cls.TAG: cls for cls in classes}
        for action, names in audited.items():
            if action not in by_tag:
                raise ValueError(f"kind {self.name}: audits {action}, which it does not have")
            known = {field.name for field in fields(cast("Any", by_tag[action]))}
            if strangers := set(names) - known:
                raise ValueError(f"kind {self.name}: {action} has no fields {sorted(strangers)}")

    @property
    def actions(self) -> frozenset[str]:
        """Everything that a role may or may not do here."""
        return frozenset(
            [cls.TAG for cls in (*self.commands, *self.queries)]
            + [f"read:{topic}" for topic in self.topics]
        )

    @property
    def allowed(self) -> frozenset[str]:
        """All actions that some role may do."""
        return frozenset().union(*self.permissions.values())
