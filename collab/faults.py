"""What the log may say of an exception: which classes, and where they were raised.

Never what an exception says: a ``KeyError`` of somebody's rules quotes a message's body, a
``ValueError`` of a parser its input. The class and the stack lead to the line; the rest is
nobody's business.

::

    KeyError
      File "words.py", line 12, in decide
        return state.words[command.text]
    then ExceptionGroup
      File "…", line 4, in …
    1 of its 2: ValueError
      File "…", line 9, in …
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator

from collab.limits import FAULT_ERRORS_MAX, FAULT_FRAMES_MAX


def fault_text(error: BaseException) -> str:
    """Return classes and stacks of *error*, of what caused it, and of what it groups.

    At most ``FAULT_ERRORS_MAX`` exceptions with their innermost ``FAULT_FRAMES_MAX`` frames each:
    what is left away is counted.
    """
    parts = []
    for number, (label, member) in enumerate(_told(error, "", set())):
        if number == FAULT_ERRORS_MAX:
            parts.append("and more\n")
            break
        parts.append(f"{label}{_name(member)}\n{_stack(member)}")
    return "".join(parts).rstrip()


def _told(error: BaseException, label: str, seen: set[int]) -> Iterator[tuple[str, BaseException]]:
    """Yield *error* with all that belongs to it, oldest cause first, each once, with its label."""
    for cause in reversed(_chain(error, seen)):
        yield label, cause
        label = "then "
        if isinstance(cause, BaseExceptionGroup):
            for number, member in enumerate(cause.exceptions, 1):
                yield from _told(member, f"{number} of its {len(cause.exceptions)}: ", seen)


def _chain(error: BaseException, seen: set[int]) -> list[BaseException]:
    """Return *error*, what it came from, what that came from, …, as far as not *seen* yet."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and id(link) not in seen and len(chain) < FAULT_ERRORS_MAX:
        chain.append(link)
        seen.add(id(link))
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return chain


def _name(error: BaseException) -> str:
    kind = type(error)
    is_builtin = kind.__module__ == "builtins"
    return kind.__qualname__ if is_builtin else f"{kind.__module__}.{kind.__qualname__}"


def _stack(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    left = len(frames) - FAULT_FRAMES_MAX
    if left <= 0:
        return "".join(frames.format())
    kept = traceback.StackSummary.from_list(frames[left:])
    return f"  ({left} frames)\n" + "".join(kept.format())
