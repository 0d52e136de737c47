"""Who did what, when, from where: an append-only, hash-chained log.

``entry``: what is written down. ``chain``: how an entry proves the ones before it. ``recorder``:
what happens without an event (sign-ins, refusals, opened streams), counted when it repeats itself.
``kind``: ``audit:ORG``, where an organisation's admins read it. Stored by ``collab.storage``, in
the transaction of the event that an entry describes, if there is one.
"""

from collab.audit.chain import GENESIS as GENESIS
from collab.audit.chain import Anchor as Anchor
from collab.audit.chain import Chain as Chain
from collab.audit.entry import AuditEntry as AuditEntry
from collab.audit.entry import AuditFilter as AuditFilter
from collab.audit.entry import AuditRecord as AuditRecord
from collab.audit.entry import described as described
from collab.audit.recorder import Recorder as Recorder
