"""What a chat told its members' lists."""

from __future__ import annotations

from typing import Any

from collab.chat.state import ChatState
from collab.kind import Signal
from tests.collab.messages.stage import Stage


def told(stage: Stage[ChatState]) -> dict[str, Any]:
    """Return the newest signal to each user since the last look, and forget them."""
    signals: dict[str, Signal] = {signal.target: signal for signal in stage.signals}
    stage.signals.clear()
    return {target.removeprefix("user:"): signal.command for target, signal in signals.items()}
