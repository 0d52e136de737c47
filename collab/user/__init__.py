"""A person's own actor: the live list of their meetings and chats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collab.user.kind import USER

__all__ = ["USER"]


def __getattr__(name: str) -> Any:
    """Load the kind when it is asked for: other kinds take its commands first, to send them."""
    if name != "USER":
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from collab.user import kind

    return kind.USER
