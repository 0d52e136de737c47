"""What stands between us and the CRDT library whenever it is called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from collab.errors import CollabError
from collab.notes.errors import DocumentFault


@contextmanager
def no_panic() -> Iterator[None]:
    """Turn whatever the CRDT library raises into a crash of this document alone.

    Raises:
      DocumentFault: it panicked or failed.
    """
    try:
        yield
    except CollabError:
        raise  # Ours, from within.
    except Exception as error:
        raise DocumentFault(f"{type(error).__name__}: {error}") from error
    except BaseException as error:
        # Only a panic is ours: trio's Cancelled, KeyboardInterrupt and their like go on.
        if type(error).__name__ != "PanicException":
            raise
        raise DocumentFault(f"panic: {error}") from error
