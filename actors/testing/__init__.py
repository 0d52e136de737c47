"""The kernel's test kit, for its own tests and for everyone who embeds it."""

from actors._memory_journal import MemoryJournal as MemoryJournal
