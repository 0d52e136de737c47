"""Bounds of people's provider keys, with their reasons."""

from __future__ import annotations

from typing import Final

PROVIDER_NAME_LEN_MAX: Final = 64
SECRET_LEN_MIN: Final = 8  # A shorter one is a typing mistake.
SECRET_LEN_MAX: Final = 4_096  # Service accounts' keys are JSON files.
KEYS_PER_USER_MAX: Final = 50  # All of them are in one snapshot.
MASTER_FILE_BYTES_MAX: Final = 65_536
