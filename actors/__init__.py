"""Embeddable, event-sourced actors."""

from actors._actor import Actor as Actor
from actors._actor import Decision as Decision
from actors._errors import ActorCrashed as ActorCrashed
from actors._errors import ActorError as ActorError
from actors._errors import ActorStopped as ActorStopped
from actors._errors import ActorUnavailable as ActorUnavailable
from actors._errors import AskTimeout as AskTimeout
from actors._errors import JournalBroken as JournalBroken
from actors._errors import JournalConflict as JournalConflict
from actors._errors import JournalCorrupt as JournalCorrupt
from actors._errors import JournalError as JournalError
from actors._errors import MailboxFull as MailboxFull
from actors._errors import Refused as Refused
from actors._errors import SystemClosed as SystemClosed
from actors._errors import UnknownKind as UnknownKind
from actors._journal import Batch as Batch
from actors._journal import Head as Head
from actors._journal import Journal as Journal
from actors._journal import Record as Record
from actors._journal import Snapshot as Snapshot
from actors._memory_journal import MemoryJournal as MemoryJournal
