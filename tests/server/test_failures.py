"""How failures inside a running server end the command."""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
import trio

from actors import JournalBroken
from collab.cli.exit_codes import CommandFailed, ExitCode
from collab.cli.serve import failure_of, told_by_the_log
from protocol.client import open_client
from protocol.errors import ClientError
from tests.server.running import serving

FILE_BYTES_MAX = 512 * 1024
TEXT = "x" * 15_000


def test_a_failed_disk_is_one_line_and_its_own_code() -> None:
    """[O1.8] However deep in groups it arrives, a broken journal is exit code 74 and one line."""
    group = ExceptionGroup("", [ExceptionGroup("", [JournalBroken("the disk is full\nreally")])])
    failure = failure_of(group)
    assert isinstance(failure, CommandFailed)
    assert failure.code == ExitCode.DISK
    assert failure.line is not None
    assert "the disk is full" in failure.line
    assert len(failure.line.splitlines()) == 1


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux")
async def test_a_server_whose_disk_fails_says_so_once(tmp_path: Path) -> None:
    """[O1.8] Files that may not grow any more: one critical line in the log, and exit code 74."""
    log = tmp_path / "log"
    with log.open("wb") as stderr:
        async with serving(tmp_path / "store", "--dev", stderr=stderr.fileno()) as server:
            url = server.url.replace("http://", "ws://") + "/v1"
            resource.prlimit(
                server.process.pid, resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, FILE_BYTES_MAX)
            )
            async with open_client(url, token="dev:ann") as client:
                with trio.fail_after(10), suppress(ClientError):
                    for _ in range(FILE_BYTES_MAX // len(TEXT)):
                        await client.call("chat:c1", "messages.post", {"text": TEXT}, timeout_s=2)
                    pytest.fail("it wrote more than it may")
            assert await server.wait() == ExitCode.DISK
    lines = [line for line in log.read_bytes().splitlines() if line.startswith(b"{")]
    (told,) = (told for told in map(orjson.loads, lines) if told["level"] != "info")
    assert told["level"] == "critical"
    assert "the disk failed" in told["message"]
    assert log.read_text().count("disk failed") == 1


@pytest.mark.parametrize("bug", [ZeroDivisionError(), ExceptionGroup("", [KeyError("x")])])
def test_a_bug_before_it_serves_stays_a_traceback(bug: Exception) -> None:
    """[O1.8] What is no known failure is not dressed up as one."""
    assert failure_of(bug) is bug


def test_a_bug_while_it_serves_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """[O1.8] The log, which keeps what a bug says to itself, gets it; the exit code is 1."""
    bug = KeyError("what-ann-wrote")
    ended = told_by_the_log(bug)
    assert (ended.code, ended.line) == (ExitCode.FAILED, None)
    (record,) = caplog.records
    assert record.levelname == "CRITICAL"
    assert record.exc_info is not None
    assert record.exc_info[1] is bug
    assert "what-ann-wrote" not in record.getMessage()
