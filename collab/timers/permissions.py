"""Rows of the permission table: who may see and cancel timers.

Roles
    operator  whoever runs the server
    outsider  anybody else; targets set and unset their own by signals
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TIMERS: Final[Mapping[str, frozenset[str]]] = {
    "operator": frozenset({"timers.cancel", "timers.list", "read:timers"}),
}
