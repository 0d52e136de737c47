"""Logging of the server: lines for people on a terminal, JSON lines for machines.

Everything goes through the standard library's ``logging``. Ids (actor, session, error) are given
as ``extra=`` and become fields. Three rules hold for every line, whoever writes it, at any level:

* No message bodies. The text of an exception quotes what people wrote, so ``exc_info`` becomes
  classes and stacks only, see ``collab.faults``.
* No token. A guard blanks whatever looks like one, in messages, fields and stacks. It is the
  last resort, not the plan: nobody logs tokens in the first place.
* One event is one line: line ends within a value are escaped in JSON.

And one more for warnings that a client can cause: the same again (logger, text, user, target, code)
within ``LOG_REPEATS_S`` is counted, not written. The next line like it says how many it stands for;
a client that stops leaves the last count untold.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable
from copy import copy
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TextIO

import orjson
from rich.console import Console
from rich.logging import RichHandler

from collab.config import LogFormat, LogLevel
from collab.faults import fault_text
from collab.limits import LOG_REPEATS_MAX, LOG_REPEATS_S

Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_BLANK: Final = "[redacted]"
_OTHERS: Final = ("others",)
# A signed token; a development token; what follows "token=", "Bearer " or '"token":'.
_SECRET: Final = re.compile(
    r"eyJ[\w-]{4,}\.[\w-]*(?:\.[\w-]*)?"
    r"|\bdev:[\w.@+|=~:-]+"
    r"|(?<=token=)[^\s&'\"]+"
    r"|(?<=[Bb]earer )[^\s'\"]+"
    r"|(?<=\"token\":\")[^\"]+"
    r"|(?<=\"token\": \")[^\"]+"
    r"|(?<='token': ')[^']+"
)
# What every record has; the rest came with ``extra=``.
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def redact(text: str) -> str:
    """Return *text* with everything that looks like a token blanked."""
    return _SECRET.sub(_BLANK, text)


class TextFormatter(logging.Formatter):
    """``message  key=value …``; classes and stacks of a fault follow on lines of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the redacted text of *record*."""
        # A copy: other handlers leave, and would find, the text of the exception on the record.
        record = copy(record)
        record.exc_text = None
        return redact(super().format(record))

    def formatException(self, ei: Raised) -> str:  # noqa: N802 - logging's name
        """Return what the log may say of a fault."""
        return _fault(ei)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Append what came with ``extra=``."""
        extras = "".join(f"  {key}={value}" for key, value in _extras(record).items())
        return super().formatMessage(record) + extras


class JsonFormatter(logging.Formatter):
    """One JSON object per line: ``at``, ``level``, ``logger``, ``message``, ids, ``error``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the redacted line of *record*."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        for key, value in _extras(record).items():
            line.setdefault(key, _plain(value))
        if record.exc_info:
            line["error"] = redact(_fault(record.exc_info))
        return orjson.dumps(line).decode()


class FewRepeats(logging.Filter):
    """Holds back what one client causes again and again: warnings with a ``user`` and a ``code``.

    However many names a client makes up, in all ``LOG_REPEATS_MAX`` such lines pass in a window.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._told: dict[tuple[object, ...], int] = {}  # Since the window began: held back.
        self._before: dict[tuple[object, ...], int] = {}  # In the window before.
        self._ends_at_s = 0.0

    def __len__(self) -> int:
        return len(self._told)

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether *record* is written; add ``repeated`` to one that stands for others."""
        said = vars(record)
        if record.levelno > logging.WARNING or "code" not in said or "user" not in said:
            return True
        now_s = self._clock()
        if now_s >= self._ends_at_s:
            self._before = {key: count for key, count in self._told.items() if count}
            self._told = {}
            self._ends_at_s = now_s + LOG_REPEATS_S
        key = (record.name, record.msg, said["user"], said.get("target"), said["code"])
        if key in self._told:
            self._told[key] += 1
            return False
        if len(self._told) >= LOG_REPEATS_MAX:
            self._told[_OTHERS] = self._told.get(_OTHERS, 0) + 1
            return False
        self._told[key] = 0
        repeated = self._before.pop(key, 0) + self._before.pop(_OTHERS, 0)
        if repeated:
            said["repeated"] = repeated
        return True


def configure_logs(
    level: LogLevel, log_format: LogFormat, *, stream: TextIO | None = None
) -> logging.Handler:
    """Send everything at *level* and above to *stream* (standard error); return the handler.

    Call it once, from a program's main function; a library must not. Calling it again replaces
    what it had set up.
    """
    stream = stream or sys.stderr
    handler: logging.Handler
    if log_format == "json" or (log_format == "auto" and not stream.isatty()):
        handler = logging.StreamHandler(stream)
        handler.setFormatter(JsonFormatter())
    elif stream.isatty():
        handler = RichHandler(console=Console(file=stream), show_path=False, markup=False)
        handler.setFormatter(TextFormatter("%(message)s"))
    else:
        handler = logging.StreamHandler(stream)
        handler.setFormatter(TextFormatter("%(asctime)s %(levelname)-7s %(name)s  %(message)s"))
    handler.addFilter(FewRepeats())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Below "warning" these speak of every connection; ours say what matters of them.
    for noisy in ("hypercorn", "trio-websocket", "wsproto", "h11"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return handler


def _fault(raised: Raised) -> str:
    error = raised[1]
    return "" if error is None else fault_text(error)


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def _plain(value: object) -> bool | int | float | str | None:
    """Return *value* as a JSON scalar: whatever is nested becomes text, and is guarded as text."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and abs(value) < 2**63:
        return value
    return redact(str(value))
