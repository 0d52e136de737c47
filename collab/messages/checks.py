"""Field checks that commands of several kinds share.

Each returns an attrs field whose validator raises ``ValueError`` in words for the sender; the wire
turns that into ``bad_request``. What passes can be packed, stored and shown by any client.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import NOTHING, field
from attrs.validators import optional

from collab.limits import ID_LEN_MAX
from collab.names import KEY_PATTERN, is_key
from protocol.stated import stated

SEQ_MAX: Final = 2**53 - 1  # What every JSON client can count to.


class _Text:
    """Validator: a string of bounded length that can be encoded as UTF-8."""

    __slots__ = ("_len_max", "_len_min")

    def __init__(self, len_min: int, len_max: int) -> None:
        self._len_min = len_min
        self._len_max = len_max

    def __call__(self, _instance: object, attribute: Any, value: object) -> None:
        if not isinstance(value, str):
            raise ValueError(f"{attribute.name} must be text")  # noqa: TRY004 - one error type
        if not self._len_min <= len(value) <= self._len_max:
            raise ValueError(
                f"{attribute.name} must have {self._len_min} to {self._len_max} characters"
            )
        if not value.isascii():
            value.encode()  # Half a surrogate pair raises UnicodeEncodeError, a ValueError.


class _Id(_Text):
    """Validator: a name without spaces and control characters."""

    __slots__ = ()

    def __call__(self, instance: object, attribute: Any, value: object) -> None:
        super().__call__(instance, attribute, value)
        if not str(value).isprintable() or " " in str(value):
            raise ValueError(f"{attribute.name} has a space or a control character")


class _UserId:
    """Validator: an id that can be the key of ``user:ID``."""

    __slots__ = ()

    def __call__(self, _instance: object, attribute: Any, value: object) -> None:
        if not isinstance(value, str) or not is_key(value):
            raise ValueError(f"{attribute.name} is not a user id")


class _Between:
    """Validator: a whole number within bounds."""

    __slots__ = ("_high", "_low")

    def __init__(self, low: int, high: int) -> None:
        self._low = low
        self._high = high

    def __call__(self, _instance: object, attribute: Any, value: object) -> None:
        if type(value) is not int or not self._low <= value <= self._high:
            raise ValueError(f"{attribute.name} must be a number from {self._low} to {self._high}")


def _checked(check: Any, default: Any, **keywords: Any) -> Any:
    """Return a field with *check*, and what it checks in words of JSON Schema."""
    validator = optional(check) if default is None else check
    return field(default=default, validator=validator, metadata=stated(**keywords))


def words(len_max: int, *, len_min: int = 0, default: Any = NOTHING) -> Any:
    """Return a field for text of *len_min* to *len_max* characters; a None default allows None."""
    return _checked(_Text(len_min, len_max), default, minLength=len_min, maxLength=len_max)


def identifier(len_max: int = ID_LEN_MAX, *, len_min: int = 1, default: Any = NOTHING) -> Any:
    """Return a field for an id: printable, without spaces; a None default allows None."""
    bounds = {"minLength": len_min, "maxLength": len_max}
    return _checked(_Id(len_min, len_max), default, **bounds, pattern=r"^\S*$")


def user_id() -> Any:
    """Return a field for a user's id."""
    return field(validator=_UserId(), metadata=stated(pattern=KEY_PATTERN))


def number(low: int, high: int, *, default: Any = NOTHING) -> Any:
    """Return a field for an integer from *low* to *high*; a None default allows None."""
    return _checked(_Between(low, high), default, minimum=low, maximum=high)


def place(*, low: int = 1, default: Any = NOTHING) -> Any:
    """Return a field for a seq: a message's id, or a cursor into a listing."""
    return number(low, SEQ_MAX, default=default)
