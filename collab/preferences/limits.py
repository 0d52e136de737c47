"""Bounds of a person's preferences: all of them together fit one snapshot."""

from __future__ import annotations

from typing import Final

PREFERENCES_MAX: Final = 100
PREFERENCE_NAME_LEN_MAX: Final = 64
PREFERENCE_TEXT_LEN_MAX: Final = 1_000
FAVOURITES_MAX: Final = 100
HIDDEN_MAX: Final = 500  # Models of all providers that one does not use.
PROJECTS_MAX: Final = 200
PROJECT_CHATS_MAX: Final = 2_000  # In all of them: 100 kB.
FEEDBACK_TEXT_LEN_MAX: Final = 4_000
