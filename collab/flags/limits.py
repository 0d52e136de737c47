"""Bounds of feature flags, with their reasons."""

from __future__ import annotations

from typing import Final

FLAGS_MAX: Final = 500  # Of an environment: all of them are in one snapshot.
FLAG_NAME_LEN_MAX: Final = 64
FLAG_VALUE_LEN_MAX: Final = 1_000  # Characters of a text.
FLAG_ORGS_MAX: Final = 200
REASON_LEN_MAX: Final = 500
PERCENT_MAX: Final = 100
