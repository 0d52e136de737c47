"""Rows of the permission table: who sees and changes feature flags.

Roles
    operator  whoever runs the server; sees the rules
    reader    anybody else; sees what the flags are for them
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_EVERYBODY: Final = frozenset({"flags.mine", "read:flags"})

FLAGS: Final[Mapping[str, frozenset[str]]] = {
    "operator": _EVERYBODY | {"flags.set", "flags.remove", "flags.list", "read:rules"},
    "reader": _EVERYBODY,
}
