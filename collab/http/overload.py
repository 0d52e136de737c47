"""New work over HTTP while the server is behind: refused before it costs anything, as on the wire.

Those who run the server are answered always: health, figures, the view from above. So are pages
and the schema, which cost next to nothing and would only be asked for again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from collab.http.calling import refusal
from protocol.errors import WireError

_WORK: Final = "/v1/"
_ALWAYS: Final = ("/v1/overview", "/v1/schema")


def refusing_while_behind(app: ASGIApp, overloaded: Callable[[], WireError | None]) -> ASGIApp:
    """Return *app*, of which ``/v1/…`` is answered with *overloaded*'s error while it has one."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        """Cancelled: as *app*."""
        path: str = scope.get("path", "")
        if path.startswith(_WORK) and not path.startswith(_ALWAYS):
            error = overloaded()
            if error is not None:
                await refusal(error)(scope, receive, send)
                return
        await app(scope, receive, send)

    return answer
