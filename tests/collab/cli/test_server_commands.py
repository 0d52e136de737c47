"""Commands for those who run the server: feature flags and durable timers."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import orjson
import trio

from collab.cli.exit_codes import ExitCode
from collab.config import Config
from tests.collab.cli.conftest import Ask, Collab, Ended, Server


async def test_flags_are_set_and_listed(ask: Ask) -> None:
    """[O6.16] ``collab flags set|list``: the whole rule, with its reason; a reason is needed."""
    words = ("--reason", "a tenth", "--percent", "10", "--org", "acme", "--value", "v2")
    ended = await ask("flags", "set", "new_editor", *words, "--token", "dev:ops")
    assert ended.code == 0, ended.err
    ended = await ask("flags", "list", "--token", "dev:ops")
    (row,) = map(orjson.loads, ended.out.splitlines())
    assert row == {
        "flag": "new_editor",
        "value": "v2",
        "on": "yes",
        "percent": "10",
        "organisations": "acme",
        "by": "ops",
        "reason": "a tenth",
    }
    off = ("flags", "set", "new_editor", "--off", "--reason", "too slow", "--token", "dev:ops")
    assert (await ask(*off)).code == 0
    ended = await ask("flags", "list", "--token", "dev:ops")
    assert orjson.loads(ended.out)["on"] == "no"
    assert (await ask("flags", "set", "x", "--token", "dev:ops")).code == ExitCode.USAGE
    other = await ask("flags", "list", "--env", "staging", "--token", "dev:ops")
    assert (other.code, other.out) == (0, "")


async def test_timers_are_listed_and_cancelled(
    collab: Collab, nursery: trio.Nursery, tmp_path: Path
) -> None:
    """[O6.17] ``collab schedules list|cancel``: here the timer of a day's first message."""
    config = Config(data=tmp_path / "store", port=0, dev=True, quota_signed_in=3)
    server = Server(config, nursery)
    await server.start()

    async def ask(*words: str) -> Ended:
        ours = ("--url", server.url, "--token", "dev:ann")
        return await trio.to_thread.run_sync(partial(collab, *words, *ours))

    async def timers(*words: str) -> list[dict[str, str]]:
        ended = await ask("schedules", "list", *words)
        assert ended.code == 0, ended.err
        return [orjson.loads(line) for line in ended.out.splitlines()]

    try:
        assert await timers() == []
        assert (await ask("call", "chat:c", "messages.post", '{"text": "x"}')).code == 0
        with trio.fail_after(5):
            while not (found := await timers()):
                pass
        assert [(row["target"], row["name"], row["rule"]) for row in found] == [
            ("quota:ann", "midnight", "once")
        ]
        assert await timers("--target", "quota:ann") == found
        cancelled = await ask("schedules", "cancel", "quota:ann", "midnight")
        assert orjson.loads(cancelled.out) == {"was_set": True}
        assert await timers() == []
        refused = await ask("schedules", "cancel", "quota:ann", "a b")
        assert refused.code == ExitCode.REFUSED
    finally:
        await server.stop()
