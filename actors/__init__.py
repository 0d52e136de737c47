"""Embeddable, event-sourced actors for any trio program. Start with ``docs/embedding.md``.

Only what is named here, and ``actors.testing``, is public.
"""

from actors._actor import Actor as Actor
from actors._actor import Decision as Decision
from actors._errors import ActorCrashed as ActorCrashed
from actors._errors import ActorDamaged as ActorDamaged
from actors._errors import ActorError as ActorError
from actors._errors import ActorStopped as ActorStopped
from actors._errors import ActorUnavailable as ActorUnavailable
from actors._errors import AskTimeout as AskTimeout
from actors._errors import JournalBroken as JournalBroken
from actors._errors import JournalConflict as JournalConflict
from actors._errors import JournalCorrupt as JournalCorrupt
from actors._errors import JournalError as JournalError
from actors._errors import MailboxFull as MailboxFull
from actors._errors import OutcomeUnknown as OutcomeUnknown
from actors._errors import Refused as Refused
from actors._errors import SystemClosed as SystemClosed
from actors._errors import UnknownKind as UnknownKind
from actors._journal import Batch as Batch
from actors._journal import Head as Head
from actors._journal import Journal as Journal
from actors._journal import Record as Record
from actors._journal import Snapshot as Snapshot
from actors._kind import ActorKind as ActorKind
from actors._kind import Restart as Restart
from actors._mailbox import Done as Done
from actors._memory_journal import MemoryJournal as MemoryJournal
from actors._pace import Pace as Pace
from actors._presence import PresenceBoard as PresenceBoard
from actors._ref import Ref as Ref
from actors._state import Counters as Counters
from actors._system import ActorSystem as ActorSystem
from actors._system import open_system as open_system
from actors._timer import TimerHandle as TimerHandle
from actors._timer import Timers as Timers
from actors._topic import Flush as Flush
from actors._topic import Hub as Hub
from actors._topic import Item as Item
from actors._topic import Sink as Sink
