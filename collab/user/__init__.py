"""A person's own actor: the live list of their meetings and chats."""

from collab.user.kind import USER

__all__ = ["USER"]
