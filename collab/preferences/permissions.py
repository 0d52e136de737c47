"""Rows of the permission table: what a person prefers is their own business.

Roles
    self      the person
    outsider  anybody else
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PREFERENCES: Final[Mapping[str, frozenset[str]]] = {
    "self": frozenset(
        {
            "preferences.set",
            "preferences.get",
            "models.favour",
            "models.hide",
            "prompt.set",
            "projects.create",
            "projects.rename",
            "projects.remove",
            "projects.place",
            "feedback.give",
            "feedback.page",
            "read:preferences",
        }
    )
}
