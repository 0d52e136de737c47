"""The kernel's test kit, for its own tests and for everyone who embeds it.

``actors.testing.journal_contract`` is the test suite for journals; it alone needs pytest.
"""

from actors._memory_journal import MemoryJournal as MemoryJournal
from actors.testing._clock import VirtualClock as VirtualClock
from actors.testing._clock import virtual_clock as virtual_clock
from actors.testing._fault_journal import Fault as Fault
from actors.testing._fault_journal import FaultJournal as FaultJournal
from actors.testing._fault_journal import SimulatedFault as SimulatedFault
from actors.testing._probe import Do as Do
from actors.testing._probe import Probe as Probe
from actors.testing._probe import ProbeActor as ProbeActor
from actors.testing._probe import ProbeLog as ProbeLog
from actors.testing._probe import do as do
from actors.testing._probe import probe_kind as probe_kind
from actors.testing._streams import PipeStream as PipeStream
from actors.testing._streams import stream_pair as stream_pair
