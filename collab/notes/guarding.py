"""What stands between us and the CRDT library whenever it is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final

import pycrdt

from collab.errors import CollabError
from collab.notes.errors import DocumentFault
from protocol.yjs import UpdateRefused


class _NoPanic:
    """Has no state: one is enough for everybody. A class, for it stands around every keystroke."""

    __slots__ = ()

    def __enter__(self) -> None:
        return

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, CollabError):
            return  # The latter is ours, from within.
        if isinstance(error, Exception):
            raise DocumentFault(f"{type(error).__name__}: {error}") from error
        # Only a panic is ours: trio's Cancelled, KeyboardInterrupt and their like go on.
        if type(error).__name__ == "PanicException":
            raise DocumentFault(f"panic: {error}") from error


_NO_PANIC: Final = _NoPanic()


def no_panic() -> _NoPanic:
    """Turn whatever the CRDT library raises inside into a crash of this document alone.

    Raises:
      DocumentFault: it panicked or failed.
    """
    return _NO_PANIC


@contextmanager
def own_bytes() -> Iterator[None]:
    """Turn what is refused inside, where a document's own bytes are read, into a crash.

    What the library wrote down and cannot be read is nobody's update: no sender is to blame, and
    the document must not live on, for it would refuse everybody.

    Raises:
      DocumentFault: the document's own bytes are none that could be let in.
    """
    try:
        yield
    except UpdateRefused as refusal:
        raise DocumentFault(f"the document's own bytes: {refusal}") from refusal


@contextmanager
def observed(
    doc: pycrdt.Doc[Any], told: Callable[[pycrdt.TransactionEvent], None]
) -> Iterator[None]:
    """Tell *told* of every transaction that changes *doc*, until the end of the block.

    An observed document is never freed: the library holds the observer, which holds the document,
    where the garbage collector cannot see it.
    """
    subscription = doc.observe(told)
    try:
        yield
    finally:
        doc.unobserve(subscription)
