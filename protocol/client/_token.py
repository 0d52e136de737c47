"""Where the client's tokens come from: one given token, or a function that fetches them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable

Token = str | Callable[[], str | Awaitable[str]]


class TokenSource:
    """The token of the next hello."""

    def __init__(self, token: Token) -> None:
        self._token = token
        self._used: str | None = None

    @property
    def is_renewable(self) -> bool:
        """Asking again may bring another token than the one that was used last."""
        return callable(self._token) or self._token != self._used

    @property
    def is_callable(self) -> bool:
        """Tokens are fetched, so they can be replaced before they end."""
        return callable(self._token)

    async def fetch(self) -> str:
        """Return the token to use now. Raises what the function raises. Cancelled: no token."""
        if callable(self._token):
            fetched = self._token()
            self._used = await fetched if isawaitable(fetched) else fetched
        else:
            self._used = self._token
        return self._used

    def replace(self, token: str) -> None:
        """Use *token* from now on, if there is no function to ask."""
        if not callable(self._token):
            self._token = token
