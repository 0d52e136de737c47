"""``call``, ``follow`` and ``demo`` against a real server on loopback."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import orjson
import pytest
import trio

from collab.cli.connecting import wire_url
from collab.cli.exit_codes import CommandFailed, ExitCode
from tests.collab.cli.conftest import Ask, Collab, Server
from tests.server.running import command, environment, following, run_collab

ANN = ("--token", "dev:ann")


async def test_a_call_prints_its_value_as_one_json_line(ask: Ask) -> None:
    """[O6.5] Into a pipe, ``collab call`` prints one JSON line."""
    posted = await ask("call", "meeting:m1", "messages.post", '{"text": "hello"}', *ANN)
    assert posted.code == 0, posted.err
    assert len(posted.out.splitlines()) == 1
    page = await ask("call", "meeting:m1", "messages.page", '{"limit": 5}', *ANN)
    (message,) = orjson.loads(page.out)["messages"]
    assert message["id"] == orjson.loads(posted.out)["id"]


async def test_a_call_with_the_same_key_happens_once(ask: Ask) -> None:
    """[O6.5] ``--key`` makes a repetition harmless."""
    words = ("call", "meeting:m1", "messages.post", '{"text": "x"}', "--key", "k1", *ANN)
    first, second = await ask(*words), await ask(*words)
    assert first.out == second.out


async def test_arguments_may_come_from_standard_input(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[O6.5] ``-`` reads the arguments from standard input; the token may be in the environment."""
    monkeypatch.setattr("sys.stdin", io.StringIO('{"text": "from a pipe"}'))
    monkeypatch.setenv("COLLAB_TOKEN", "dev:ann")
    ended = await ask("call", "meeting:m1", "messages.post", "-")
    assert ended.code == 0, ended.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("meeting:m1", "messages.nonsense"), ExitCode.REFUSED, "unknown_op"),
        (("nonsense:m1", "messages.post"), ExitCode.REFUSED, "unknown_target"),
        (("meeting:m1", "messages.post", '{"text": 5}'), ExitCode.REFUSED, "bad_request"),
    ],
)
async def test_a_refused_call_ends_with_ten(
    ask: Ask, words: tuple[str, ...], code: int, said: str
) -> None:
    """[O6.6] A refusal is one line with its stable code on standard error; exit code 10."""
    ended = await ask("call", *words, *ANN)
    assert (ended.code, ended.out) == (code, "")
    assert len(ended.err.splitlines()) == 1
    assert said in ended.err


async def test_a_bad_token_ends_with_eleven_and_is_not_printed(server: Server) -> None:
    """[O6.6] Not being let in is exit code 11; the token is not repeated."""
    words = ("call", "meeting:m1", "meeting.get", "--url", server.url)
    ended = await run_collab(*words, "--token", "no-such-token")
    assert (ended.code, ended.out) == (ExitCode.UNREACHABLE, "")
    (line,) = ended.err.splitlines()
    assert "unauthenticated" in line
    assert "no-such-token" not in line


@pytest.mark.parametrize(
    "words",
    [
        ("call", "meeting:m1", "x", "{"),
        ("call", "meeting:m1", "x", "[]"),
        ("call", "meeting:m1", "x", "--url", "ftp://a"),
        ("call", "meeting:m1", "x", "--timeout", "0"),
        ("call", "meeting:m1", "x", "--timeout", "-1"),
        ("call", "meeting:m1", "x", "--timeout", "nan"),
        ("call", "meeting:m1", "x", "--timeout", "inf"),
        ("notes", "export", "meeting:m1", "--timeout", "0"),
        ("follow", "nonsense:x"),
        ("follow", "meeting:m1", "--cursor", "7"),
        ("follow", "meeting:m1", "--ca", "nowhere.pem"),
        ("demo", "--speed", "0"),
        ("demo", "--port", "70000"),
    ],
    ids=" ".join,
)
def test_arguments_that_make_no_sense_end_with_two(collab: Collab, words: tuple[str, ...]) -> None:
    """[O6.2] What makes no sense is told without asking a server."""
    ended = collab(*words, *(() if words[0] == "demo" else ANN))
    assert (ended.code, ended.out) == (ExitCode.USAGE, "")
    assert len(ended.err.splitlines()) == 1


def test_without_a_token_nothing_is_asked(collab: Collab) -> None:
    """[O6.2] A missing token is told, with the name of the variable."""
    ended = collab("call", "meeting:m1", "meeting.get")
    assert ended.code == ExitCode.USAGE
    assert "COLLAB_TOKEN" in ended.err


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://h:1", "ws://h:1/v1"),
        ("https://h/", "wss://h/v1"),
        ("ws://h:1/v1", "ws://h:1/v1"),
        ("wss://h/prefix/v1", "wss://h/prefix/v1"),
    ],
)
def test_every_way_to_name_a_server_is_understood(given: str, meant: str) -> None:
    """[O6.5] http, https, ws and wss; the path is /v1 unless one is given."""
    assert wire_url(given) == meant
    with pytest.raises(CommandFailed):
        wire_url("localhost:8787")


async def test_follow_prints_json_lines_and_survives_a_restart(server: Server) -> None:
    """[O6.7] A snapshot, then every event once, also across a restart of the server."""
    post = ("call", "meeting:m1", "messages.post", "--url", server.url, "--token", "dev:bob")
    async with following("meeting:m1", "messages", "--url", server.url, *ANN) as lines:
        first = await lines.next()
        assert first["item"] == "snapshot"
        assert first["target"] == "meeting:m1"
        assert first["cursor"].endswith(":2")  # Created and started, as ann came in.
        await run_collab(*post, '{"text": "before"}')
        await server.stop()
        await server.start()
        await run_collab(*post, '{"text": "after"}')
        for text in ("before", "after"):
            event = await lines.next()
            assert (event["item"], event["type"]) == ("event", "message.posted")
            assert event["by"] == "bob"
            assert text in str(event["data"])


async def test_follow_ends_with_its_reader_on_a_quiet_target(server: Server) -> None:
    """[O6.7] ``collab follow … | head -1`` ends after one line, although nothing else happens."""
    process = await trio.lowlevel.open_process(
        command("follow", "meeting:m1", "--url", server.url, *ANN),
        stdout=subprocess.PIPE,
        env=environment(),
    )
    try:
        with trio.fail_after(10):
            assert process.stdout is not None
            assert b"snapshot" in await process.stdout.receive_some()
            await process.stdout.aclose()
            assert await process.wait() == ExitCode.DONE
    finally:
        process.kill()


async def test_the_demo_plays_a_meeting_and_ends_again_and_again(tmp_path: Path) -> None:
    """[O6.8] It says where to look, shows what a guest sees, ends with 0; twice in a directory."""
    for _ in range(2):
        ended = await run_collab("demo", "--speed", "200", "--data", tmp_path)
        assert (ended.code, ended.err) == (ExitCode.DONE, "")
        assert "listening on http://127.0.0.1:" in ended.out
        assert "collab follow meeting:lighthouse" in ended.out
        assert "mira says: Good. I write to the school today." in ended.out
        assert ended.out.rstrip().endswith("the meeting is over, and so is the server")
