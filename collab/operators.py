"""Who runs this server: not an organisation's admins, whose say ends with their organisation."""

from __future__ import annotations

from attrs import frozen

from collab.kind import Caller


@frozen
class Operators:
    """People by id, services whose token names the kind, and everybody in development."""

    user_ids: frozenset[str] = frozenset()

    def include(self, caller: Caller, kind_name: str) -> bool:
        """Say whether *caller* may run what *kind_name* stands for.

        A service's scopes are looked at once more, action by action, where permission is asked.
        """
        if caller.scopes is not None:
            return any(scope.startswith(f"{kind_name}:") for scope in caller.scopes)
        return caller.is_dev or caller.user_id in self.user_ids
