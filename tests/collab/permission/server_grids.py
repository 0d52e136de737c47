"""The matrix of the kinds that are the server's own rather than people's rooms, by hand."""

from __future__ import annotations

from typing import Final

AUDIT_GRID: Final = """
                     admin operator outsider
audit.page              x      x        .
"""

TIMERS_GRID: Final = """
                     operator outsider
timers.cancel              x        .
timers.list                x        .
read:timers                x        .
"""

FLAGS_GRID: Final = """
                     operator reader
flags.set                  x      .
flags.remove               x      .
flags.list                 x      .
flags.mine                 x      x
read:rules                 x      .
read:flags                 x      x
"""

QUOTA_GRID: Final = """
                     self outsider
quota.get               x        .
read:quota              x        .
"""

KEYS_GRID: Final = """
                     self outsider
keys.set                x        .
keys.remove             x        .
keys.list               x        .
read:keys               x        .
"""

PREFERENCES_GRID: Final = """
                     self outsider
preferences.set         x        .
preferences.get         x        .
models.favour           x        .
models.hide             x        .
prompt.set              x        .
projects.create         x        .
projects.rename         x        .
projects.remove         x        .
projects.place          x        .
feedback.give           x        .
feedback.page           x        .
read:preferences        x        .
"""
