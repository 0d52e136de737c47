"""``collab serve`` as people and supervisors see it: a process with signals and exit codes."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from collab.app import system_clock_ms
from collab.cli import main
from collab.cli.exit_codes import ExitCode
from collab.identity import open_authenticator
from protocol.client import Client, open_client
from protocol.errors import CallFailed, ClientError
from tests.server.running import following, get, lines_of, run_collab, serving


class Refusal:
    """Runs ``collab serve`` in this process, for starts that are refused."""

    def __init__(self, capsys: pytest.CaptureFixture[str], data: Path) -> None:
        self._capsys = capsys
        self.data = data

    def of(self, *flags: str | Path) -> tuple[int, list[str]]:
        """Return the exit code and the lines on standard error; nothing else may be printed."""
        words = (
            "serve",
            "--data",
            self.data,
            *(flags if "--port" in flags else ("--port", "0", *flags)),
        )
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        printed: Any = self._capsys.readouterr()
        assert printed.out == ""
        assert isinstance(ended.value.code, int)
        return ended.value.code, list(lines_of(printed.err))


@pytest.fixture
def refusal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Refusal]:
    for variable in [name for name in os.environ if name.startswith("COLLAB_")]:
        monkeypatch.delenv(variable)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield Refusal(capsys, tmp_path / "store")
    root.handlers[:] = handlers
    root.setLevel(level)


async def test_a_server_says_where_it_listens_and_answers_there(tmp_path: Path) -> None:
    """[O1.1] It prints the real address once it takes connections; health, readiness, metrics."""
    async with serving(tmp_path / "store", "--dev") as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert not server.url.endswith(":0")
        assert await get(server.url, "/healthz") == (200, b'{"status":"ok"}')
        assert await get(server.url, "/readyz") == (200, b'{"status":"ready"}')
        status, metrics = await get(server.url, "/metrics")
        assert status == 200
        assert b"collab_call_seconds_bucket" in metrics
        assert (await get(server.url, "/elsewhere"))[0] == 404


async def test_sigterm_drains_and_ends_with_zero(tmp_path: Path) -> None:
    """[O1.2] SIGTERM drains; the exit code is 0 within 10 s, with clients connected."""
    async with (
        serving(tmp_path, "--dev") as server,
        following("meeting:m1", "--url", server.url, "--token", "dev:ann") as lines,
    ):
        assert (await lines.next())["item"] == "snapshot"
        server.send(signal.SIGTERM)
        with trio.fail_after(10):
            assert await server.wait() == ExitCode.DONE


async def test_an_actor_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """[O1.12] One budget for wire, actors and store: it ends with 0 within 8 s all the same."""
    identity = open_authenticator(tmp_path, dev=False, clock_ms=system_clock_ms)
    token = identity.signer.sign("ann", ttl_s=900)

    async def hang(client: Client) -> None:
        with suppress(ClientError):
            await client.call("stuck:x", "stuck.hang")

    async with serving(tmp_path, "--kinds", "tests.server.stuck_kind:STUCK") as server:
        url = server.url.replace("http", "ws", 1) + "/v1"
        async with open_client(url, token=token) as client, trio.open_nursery() as nursery:
            nursery.start_soon(hang, client)
            await wait_all_tasks_blocked()
            with pytest.raises(CallFailed, match="permission_denied"):
                await client.call("meeting:m", "meeting.get")  # Behind the call that hangs.
            server.send(signal.SIGTERM)
            with trio.fail_after(8):
                assert await server.wait() == ExitCode.DONE
            nursery.cancel_scope.cancel()


async def test_a_signal_that_arrives_twice_at_once_counts_once(tmp_path: Path) -> None:
    """[O1.3] Launchers pass a signal on that was sent to everybody: the drain goes on."""
    async with serving(tmp_path, "--dev") as server:
        for _ in range(3):
            server.send(signal.SIGINT)
        server.send(signal.SIGTERM)
        assert await server.wait() == ExitCode.DONE


async def test_a_second_server_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    """[O1.4] One directory, one server: the second ends with one line, the first goes on."""
    async with serving(tmp_path, "--dev") as server:
        second = await run_collab("serve", "--port", "0", "--data", tmp_path)
        assert (second.code, second.out) == (ExitCode.STORE, "")
        assert len(lines_of(second.err)) == 1
        assert (await get(server.url, "/readyz"))[0] == 200


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """[O1.7] After SIGKILL a server over the same directory starts and has everything."""
    async with serving(tmp_path, "--dev") as server:
        who = ("--url", server.url, "--token", "dev:ann")
        post = ("call", "meeting:m1", "messages.post", '{"text": "kept"}')
        assert (await run_collab(*post, *who)).code == 0
        server.send(signal.SIGKILL)
        await server.wait()
    async with serving(tmp_path, "--dev") as server:
        who = ("--url", server.url, "--token", "dev:ann")
        page = await run_collab("call", "meeting:m1", "messages.page", *who)
        assert "kept" in page.out


def test_a_directory_that_cannot_be_used_is_one_line(refusal: Refusal) -> None:
    """[O1.4] A data directory that is a file ends the start with one line."""
    refusal.data.write_text("not a directory")
    code, lines = refusal.of()
    assert code == ExitCode.STORE
    assert len(lines) == 1
    assert str(refusal.data) in lines[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_directory_is_one_line(refusal: Refusal) -> None:
    """[O1.4] An unwritable directory ends the start with one line."""
    refusal.data.mkdir(mode=0o500)
    code, lines = refusal.of()
    assert (code, len(lines)) == (ExitCode.STORE, 1)


def test_a_key_that_others_may_read_is_one_line(refusal: Refusal) -> None:
    """[O1.4] So does a signing key that others may read."""
    refusal.data.mkdir()
    (refusal.data / "token_key.json").write_text("{}")
    (refusal.data / "token_key.json").chmod(0o644)
    code, lines = refusal.of()
    assert (code, len(lines)) == (ExitCode.STORE, 1)
    assert "chmod 600" in lines[0]


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_development_is_refused_on_other_hosts(refusal: Refusal, host: str) -> None:
    """[O1.5] ``--dev`` with a host that others can reach is refused before anything is made."""
    code, lines = refusal.of("--dev", "--host", host)
    assert (code, len(lines)) == (ExitCode.SETTINGS, 1)
    assert "loopback" in lines[0]
    assert not refusal.data.exists()


def test_a_taken_port_is_one_line(refusal: Refusal) -> None:
    """[O1.6] An address that is taken ends the start with one line that names it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, lines = refusal.of("--port", port)
    assert (code, len(lines)) == (ExitCode.ADDRESS, 1)
    assert port in lines[0]


def test_development_warns(refusal: Refusal) -> None:
    """[O1.5] ``--dev`` prints a warning on standard error, not among the output."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        _code, lines = refusal.of("--dev", "--port", str(taken.getsockname()[1]))
    assert "warning: --dev" in lines[0]


def test_an_unusable_certificate_is_one_line(refusal: Refusal) -> None:
    """[O1.6] So does a certificate that cannot be read; nothing is made."""
    code, lines = refusal.of("--tls-cert", "nowhere.pem", "--tls-key", "nowhere.pem")
    assert (code, len(lines)) == (ExitCode.ADDRESS, 1)
    assert "nowhere.pem" in lines[0]
    assert not refusal.data.exists()


async def test_the_command_is_a_module_too() -> None:
    """[O6.1] ``python -m collab.cli`` is ``collab``."""
    assert sys.executable
    ended = await run_collab("--version")
    assert ended.code == 0
    assert ended.out.strip() == "0.1.0"
