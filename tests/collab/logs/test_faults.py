"""What the log says of an exception, and what it never says."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator

import pytest

from collab.config import LogFormat, LogLevel
from collab.faults import fault_text
from collab.limits import FAULT_ERRORS_MAX
from collab.logs import configure_logs

BODY = "what-ann-wrote"


def of_a_key() -> None:
    words: dict[str, str] = {}
    words[BODY]


def of_a_cause() -> None:
    try:
        of_a_key()
    except KeyError as error:
        raise ValueError(BODY) from error


def of_a_context() -> None:
    try:
        of_a_key()
    finally:
        raise ValueError(BODY)


def of_a_group() -> None:
    raise ExceptionGroup(BODY, [KeyError(BODY), ExceptionGroup(BODY, [OSError(BODY)])])


def with_a_note() -> None:
    error = RuntimeError(BODY)
    error.add_note(BODY)
    raise error


def raised_by(act: Callable[[], None]) -> Exception:
    try:
        act()
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is what is looked at
        return error
    raise AssertionError


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("act", [of_a_key, of_a_cause, of_a_context, of_a_group, with_a_note])
@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize("level", ["debug", "error"])
def test_no_word_of_an_exception_reaches_the_log(
    stream: io.StringIO, act: Callable[[], None], log_format: LogFormat, level: LogLevel
) -> None:
    """[O4.3] Classes and stacks, also of causes, groups and notes; at no level what they say."""
    configure_logs(level, log_format, stream=stream)
    error = raised_by(act)
    logging.getLogger("of.anybody").error("fault %s", "f00", exc_info=error)
    line = stream.getvalue()
    assert BODY not in line
    assert "fault f00" in line
    assert type(error).__name__ in line
    assert act.__name__ in line


def test_another_handler_does_not_change_what_ours_says(stream: io.StringIO) -> None:
    """[O4.3] A handler that keeps the exception's text on the record does not hand it to ours."""
    configure_logs("info", "text", stream=stream)
    log = logging.getLogger("of.somebody")
    careless = logging.StreamHandler(io.StringIO())
    log.addHandler(careless)
    try:
        log.error("fault", exc_info=raised_by(of_a_key))
    finally:
        log.removeHandler(careless)
    assert BODY not in stream.getvalue()
    assert "KeyError" in stream.getvalue()


def test_causes_and_members_are_told_once_and_in_order() -> None:
    """[O4.3] The oldest cause first; what a group holds under its number; nothing twice."""
    cause = raised_by(of_a_cause)
    group = ExceptionGroup("", [cause, OSError()])
    group.__context__ = cause
    lines = fault_text(group).splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        "KeyError",
        "then ValueError",
        "then ExceptionGroup",
        "2 of its 2: OSError",
    ]


def test_the_text_of_a_fault_is_bounded() -> None:
    """[O4.3] Deep stacks and large groups are cut, and it is said."""

    def deep(levels: int) -> None:
        if levels == 0:
            raise RecursionError
        deep(levels - 1)

    assert "frames)" in fault_text(raised_by(lambda: deep(200)))
    large = fault_text(ExceptionGroup("", [OSError() for _ in range(10 * FAULT_ERRORS_MAX)]))
    assert large.count("OSError") < FAULT_ERRORS_MAX
    assert large.endswith("and more")


def test_an_exception_that_is_its_own_cause_is_told_once() -> None:
    """[O4.3] Circles end."""
    first, second = KeyError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    assert fault_text(first).count("KeyError") == 1
