"""Rows of the permission table: a person's provider keys.

Roles
    self      the person; sets and removes keys, and sees fingerprints. Nobody reads a key.
    outsider  anybody else
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

KEYS: Final[Mapping[str, frozenset[str]]] = {
    "self": frozenset({"keys.set", "keys.remove", "keys.list", "read:keys"})
}
