"""What clients say when there is no server, or none that speaks with them."""

from __future__ import annotations

import ssl
import subprocess
import time
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
import trustme

from collab.cli.connecting import failures_told
from collab.cli.exit_codes import CommandFailed, ExitCode
from protocol.client import SubscriptionEnded
from protocol.errors import CallFailed, ClientClosed, ConnectFailed
from tests.collab.cli.conftest import Collab, Ended
from tests.server.running import command, environment

Ask = Callable[[str], Awaitable[Ended]]
ANN = ("--token", "dev:ann")


@pytest.fixture
def ask(collab: Collab) -> Ask:
    """Run ``collab call`` against an address, in a thread with a trio run of its own."""

    async def run(url: str) -> Ended:
        words = ("call", "meeting:m1", "meeting.get", "--url", url, *ANN, "--timeout", "1")
        return await trio.to_thread.run_sync(partial(collab, *words))

    return run


@pytest.fixture
async def tls_port(nursery: trio.Nursery) -> int:
    """A port where nothing is taken but TLS."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)

    async def greet(stream: trio.SSLStream[trio.SocketStream]) -> None:
        try:
            await stream.do_handshake()
        except trio.BrokenResourceError:
            await trio.aclose_forcefully(stream)

    serve = partial(trio.serve_ssl_over_tcp, greet, 0, tls, host="127.0.0.1")
    (listener,) = await nursery.start(serve)
    port: int = listener.transport_listener.socket.getsockname()[1]
    return port


async def silence(_stream: trio.SocketStream) -> None:
    await trio.sleep_forever()


def told_in_one_line(ended: Ended, words: str) -> bool:
    (line,) = ended.err.splitlines()
    return (ended.code, ended.out) == (ExitCode.UNREACHABLE, "") and words in line


def test_a_call_says_at_once_that_nobody_listens(collab: Collab) -> None:
    """[O6.9] A refused connection ends ``call`` at once, with the system's reason."""
    started = time.monotonic()
    ended = collab("call", "meeting:m1", "meeting.get", "--url", "http://127.0.0.1:9", *ANN)
    assert told_in_one_line(ended, "cannot reach http://127.0.0.1:9")
    assert "Connection refused" in ended.err
    assert time.monotonic() - started < 5  # Not the 10 seconds of --timeout.


async def test_a_call_says_that_the_port_speaks_otherwise(ask: Ask, tls_port: int) -> None:
    """[O6.9] http to a TLS port and an untrusted certificate are told at once."""
    assert told_in_one_line(await ask(f"http://127.0.0.1:{tls_port}"), "hung up")
    assert told_in_one_line(await ask(f"https://127.0.0.1:{tls_port}"), "bad_certificate")


async def test_a_call_to_a_silent_port_ends_with_its_timeout(
    ask: Ask, nursery: trio.Nursery
) -> None:
    """[O6.9] Somebody who takes connections and says nothing costs ``--timeout``, not more."""
    (listener,) = await nursery.start(partial(trio.serve_tcp, silence, 0, host="127.0.0.1"))
    port = listener.socket.getsockname()[1]
    assert told_in_one_line(await ask(f"http://127.0.0.1:{port}"), "no connection within 1 s")


async def test_follow_says_why_it_waits_and_goes_on_trying() -> None:
    """[O6.9] ``follow`` tells an outage once, on standard error, and does not end."""
    process = await trio.lowlevel.open_process(
        command("follow", "meeting:m1", "--url", "http://127.0.0.1:9", *ANN),
        stderr=subprocess.PIPE,
        env=environment(),
    )
    try:
        with trio.fail_after(10):
            assert process.stderr is not None
            said = await process.stderr.receive_some()
        assert b"Connection refused; trying again" in said
        assert process.poll() is None
    finally:
        process.kill()
        await process.wait()
        if process.stderr is not None:
            await process.stderr.aclose()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CallFailed("conflict", "it has ended"), ExitCode.REFUSED),
        (SubscriptionEnded("permission_denied", "no"), ExitCode.REFUSED),
        (ConnectFailed("unauthenticated", "who?"), ExitCode.UNREACHABLE),
    ],
    ids=repr,
)
def test_failures_of_many_clients_are_one_line_too(error: Exception, code: ExitCode) -> None:
    """[O6.6] What several clients raise in groups ends the command like one's error."""
    with pytest.raises(CommandFailed) as caught, failures_told():
        raise ExceptionGroup("", [ExceptionGroup("", [ClientClosed(), error])])
    assert caught.value.code == code


def test_a_fault_of_ours_is_not_told_as_a_refusal() -> None:
    """[O6.6] What is no failure of a client stays what it is."""
    with pytest.raises(ExceptionGroup), failures_told():
        raise ExceptionGroup("", [KeyError()])
