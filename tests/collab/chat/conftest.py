"""Fixtures of the chats' tests."""

from __future__ import annotations

import pytest

from collab.chat import CHAT
from collab.chat.commands import AddMember, CreateChat
from collab.chat.state import ChatState
from tests.collab.messages.stage import Stage


@pytest.fixture
def chat() -> Stage[ChatState]:
    """A chat of ann's; bob edits, eve reads."""
    stage = Stage(CHAT, "c1")
    stage.do("ann", CreateChat(title="Plans", model="m", project="p"))
    stage.do("ann", AddMember(user_id="bob"))
    stage.do("ann", AddMember(user_id="eve", role="viewer"))
    stage.signals.clear()
    return stage
