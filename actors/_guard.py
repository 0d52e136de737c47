"""The one place that says which exceptions are a callback's crash.

A callback may raise anything. Libraries written in Rust raise ``pyo3_runtime.PanicException``,
which derives from ``BaseException`` so that ``except Exception`` misses it; uncaught, it would end
every actor of the system. So the kernel catches ``BaseException`` around callbacks and asks here.
What belongs to trio or to the whole program passes through, alone or inside a group.
"""

from __future__ import annotations

from typing import Final

import trio

_PASSING: Final = (trio.Cancelled, KeyboardInterrupt, SystemExit, GeneratorExit)


def is_crash(error: BaseException) -> bool:
    """Say whether *error* is the callback's own failure, and not meant for the whole program."""
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(_PASSING) is None
    return not isinstance(error, _PASSING)


def raise_unless_crash(error: BaseException) -> None:
    """Raise *error* again if it is not the callback's own failure."""
    if not is_crash(error):
        raise error
