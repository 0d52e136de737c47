"""Chats: settings, members, messages, branches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collab.chat.kind import CHAT

__all__ = ["CHAT"]


def __getattr__(name: str) -> Any:
    """Load the kind when it is asked for: other kinds take its commands first, to send them."""
    if name != "CHAT":
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from collab.chat import kind

    return kind.CHAT
