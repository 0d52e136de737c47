"""How failures inside a running server end the command."""

from __future__ import annotations

import pytest

from actors import JournalBroken
from collab.cli.exit_codes import CommandFailed, ExitCode
from collab.cli.serve import failure_of


def test_a_failed_disk_is_one_line_and_its_own_code() -> None:
    """[O1.8] However deep in groups it arrives, a broken journal is exit code 74 and one line."""
    group = ExceptionGroup("", [ExceptionGroup("", [JournalBroken("the disk is full\nreally")])])
    failure = failure_of(group)
    assert isinstance(failure, CommandFailed)
    assert failure.code == ExitCode.DISK
    assert "the disk is full" in failure.line
    assert len(failure.line.splitlines()) == 1


@pytest.mark.parametrize("bug", [ZeroDivisionError(), ExceptionGroup("", [KeyError("x")])])
def test_a_bug_stays_a_traceback(bug: Exception) -> None:
    """[O1.8] What is no known failure is not dressed up as one."""
    assert failure_of(bug) is bug
