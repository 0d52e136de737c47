"""Feature flags: by environment, percentage and organisation; live; every change has a reason."""

from collab.flags.kind import FLAGS as FLAGS
from collab.flags.kind import flags_kind as flags_kind
