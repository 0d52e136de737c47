"""What a service token is for: a transcriber adds chunks, a bot posts, and neither does more.

A scope is ``kind:action``, the action as in the permission table (``messages.post``,
``read:transcript``) or ``*`` for all of a kind. Scopes narrow and never widen: a service needs its
role in a meeting or chat as well, like anybody. No scopes at all (an empty set) allow nothing.
"""

from __future__ import annotations

from collections.abc import Set


def covers(scopes: Set[str], kind_name: str, action: str) -> bool:
    """Say whether a service with *scopes* may try *action* of a kind."""
    return f"{kind_name}:{action}" in scopes or f"{kind_name}:*" in scopes
