"""What the rules of a kind may answer instead of doing something.

::

    actors.Refused
    └── CollabError             carries a stable code for the wire (see ``protocol.errors.CODES``)
        ├── BadRequest          the arguments make no sense, whoever asks and whenever
        ├── UnknownTopic        the kind has no such topic
        ├── NotFound            the thing named does not exist (or is not for you to know of)
        ├── Conflict            the thing is not in the state that this needs; look and decide again
        ├── PermissionDenied    your role does not allow this
        ├── LimitExceeded       a named limit would be passed
        └── RateLimited         later, please
"""

from __future__ import annotations

from typing import ClassVar

from actors import Refused


class CollabError(Refused):
    """Base. *message* is for people and may change; ``code`` may not."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False
    retry_after_ms: int | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(CollabError):
    """The arguments make no sense, whoever asks and whenever."""

    code = "bad_request"


class UnknownTopic(CollabError):
    """The kind has no such topic."""

    code = "unknown_topic"


class NotFound(CollabError):
    """The thing named in the arguments does not exist."""

    code = "not_found"


class Conflict(CollabError):
    """The thing is not in the state that this operation needs."""

    code = "conflict"


class PermissionDenied(CollabError):
    """The caller's role does not allow *action* on *resource*. Retrying cannot help."""

    code = "permission_denied"

    def __init__(self, action: str, resource: str) -> None:
        super().__init__(f"your role does not allow {action} on {resource}")
        self.action = action
        self.resource = resource


class LimitExceeded(CollabError):
    """A named limit would be passed."""

    code = "limit_exceeded"


class RateLimited(CollabError):
    """Too many of these; go on after ``retry_after_ms``."""

    code = "rate_limited"
    retryable = True

    def __init__(self, message: str, retry_after_ms: int) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms
