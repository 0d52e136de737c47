"""Everything that the kernel raises.

::

    Refused                     a command said no; nothing changed (kinds subclass it)
    ActorError
    ├── UnknownKind             your mistake: the system was not given this kind
    ├── SystemClosed            your mistake or shutdown: the system takes no more messages
    ├── MailboxFull             overload: not sent, try again later
    ├── ActorStopped            it stopped before this message was handled; safe to send again
    ├── ActorCrashed            handling this very message crashed; it left no trace
    ├── ActorUnavailable        it crashed too often at start-up; resting until retry_after_s
    └── AskTimeout              no reply in time; the message may still be handled
    JournalError
    ├── JournalConflict         somebody else wrote this seq: this activation is not the owner
    ├── JournalCorrupt          a stored record fails its check; that actor is quarantined
    ├── OutcomeUnknown          storing was cut short; the message may have been handled
    └── JournalBroken           the device failed; outcome unknown, nothing is acknowledged any more
"""

from __future__ import annotations

from attrs import define


class Refused(Exception):
    """A command was refused: its sender gets this error, state and journal are untouched."""


class ActorError(Exception):
    """Base of what sending to an actor can raise."""


@define(eq=False)
class UnknownKind(ActorError):
    """The system was opened without this kind. A mistake in the calling program."""

    kind: str


@define(eq=False)
class SystemClosed(ActorError):
    """The system is draining or closed; the message was not sent."""


@define(eq=False)
class MailboxFull(ActorError):
    """The actor's mailbox is at its bound; the message was not sent. Retry later."""

    actor_id: str


@define(eq=False)
class ActorStopped(ActorError):
    """The actor stopped before it handled the message; it is safe to send it again."""

    actor_id: str


@define(eq=False)
class ActorCrashed(ActorError):
    """Handling this message raised *cause*; the actor was replayed without it."""

    actor_id: str
    cause: BaseException


@define(eq=False)
class ActorUnavailable(ActorError):
    """The actor cannot start; asking again before *retry_after_s* is pointless."""

    actor_id: str
    reason: str
    retry_after_s: float


@define(eq=False)
class ActorDamaged(ActorUnavailable):
    """What is stored of the actor is damaged: somebody has to mend it before it can start."""


@define(eq=False)
class AskTimeout(ActorError):
    """No reply within *timeout_s*. The message may still be handled."""

    actor_id: str
    timeout_s: float


class JournalError(Exception):
    """Base of what a journal can raise."""


@define(eq=False)
class JournalConflict(JournalError):
    """An append did not start at the next seq: another activation owns the actor."""

    actor_id: str
    first_seq: int
    expected_seq: int


@define(eq=False)
class JournalCorrupt(JournalError):
    """A stored record of *actor_id* fails its check. Others are not affected."""

    actor_id: str
    detail: str


@define(eq=False)
class OutcomeUnknown(JournalError):
    """Storing the message's events was cut short (a kill, or *cause*): they may be stored.

    Look before sending again, or send with the same idempotency key.
    """

    actor_id: str
    cause: BaseException | None = None


@define(eq=False)
class JournalBroken(JournalError):
    """The device failed. Whether the last append is stored is unknown; it takes no more."""

    detail: str
