"""The kinds that every server has."""

from __future__ import annotations

from typing import Any, Final

from collab.chat import CHAT
from collab.kind import Kind
from collab.meeting import MEETING
from collab.user import USER

BUILT_IN: Final[tuple[Kind[Any], ...]] = (MEETING, CHAT, USER)
