"""Chats: settings, members, messages, branches."""

from collab.chat.kind import CHAT

__all__ = ["CHAT"]
