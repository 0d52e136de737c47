"""Every code that an answer may carry: the wire's own, and those of the kinds' rules."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator

from attrs import frozen

from collab.errors import CollabError
from protocol.errors import CODES


@frozen
class ErrorCode:
    """A stable code, whether a retry can help, and what it means."""

    code: str
    retryable: bool
    about: str


def error_codes(packages: Iterable[str]) -> list[ErrorCode]:
    """Return the codes of the wire, then those of errors declared in *packages*, by name."""
    known = [ErrorCode(code, retryable, about) for code, (retryable, about) in CODES.items()]
    owners = frozenset(packages)
    more = {
        cls.code: ErrorCode(cls.code, cls.retryable, _first_line(cls))
        for cls in _below(CollabError)
        if cls.code not in CODES and cls.__module__.partition(".")[0] in owners
    }
    return [*known, *(more[code] for code in sorted(more))]


def _below(cls: type[CollabError]) -> Iterator[type[CollabError]]:
    for each in cls.__subclasses__():
        yield each
        yield from _below(each)


def _first_line(cls: type) -> str:
    line = inspect.cleandoc(cls.__doc__ or "").partition("\n")[0].removesuffix(".")
    return line[:1].lower() + line[1:]
