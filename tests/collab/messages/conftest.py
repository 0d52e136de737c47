"""Fixtures of the messages' tests."""

from __future__ import annotations

import pytest

from tests.collab.messages.room import ROOM, Room
from tests.collab.messages.stage import Stage


@pytest.fixture
def room() -> Stage[Room]:
    return Stage(ROOM)
