"""The matrix of the kinds that are the server's own rather than people's rooms, by hand."""

from __future__ import annotations

from typing import Final

AUDIT_GRID: Final = """
                     admin outsider
audit.page              x        .
"""

TIMERS_GRID: Final = """
                     operator outsider
timers.cancel              x        .
timers.list                x        .
read:timers                x        .
"""
