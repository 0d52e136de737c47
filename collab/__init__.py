"""A real-time collaboration server: one actor owns each meeting and each chat.

The face for programs that embed it; ``collab.client`` is the one for programs that connect to it.
Names are imported when they are first used, so that a command-line tool starts quickly.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collab.app import App, AppSettings, open_app
    from collab.kind import Kind
    from collab.kinds import BUILT_IN
    from collab.listening import Listening, listen

__all__ = ["BUILT_IN", "App", "AppSettings", "Kind", "Listening", "listen", "open_app"]


def __getattr__(name: str) -> Any:
    home = {
        "App": "app",
        "AppSettings": "app",
        "open_app": "app",
        "Kind": "kind",
        "BUILT_IN": "kinds",
        "Listening": "listening",
        "listen": "listening",
    }.get(name)
    if home is None:
        raise AttributeError(f"module 'collab' has no attribute {name!r}")
    return getattr(import_module(f"collab.{home}"), name)
