"""Rows of the permission table: what is left of a day's messages is one's own business.

Roles
    self      the person
    outsider  anybody else; chats ask by signals
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

QUOTA: Final[Mapping[str, frozenset[str]]] = {"self": frozenset({"quota.get", "read:quota"})}
