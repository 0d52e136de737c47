"""``collab audit``: out as JSON Lines, and proved."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import apsw
import orjson
import pytest

from actors import Batch
from collab.audit import AuditEntry
from collab.cli.exit_codes import ExitCode
from collab.storage import open_store
from tests.collab.cli.conftest import Ask, Collab, Server


async def written(path: Path) -> None:
    at_ms = 1_764_547_200_000  # 2025-12-01, midnight in London.
    async with open_store(path, clock_ms=lambda: at_ms) as store:
        for number in range(4):
            entry = AuditEntry(
                at_ms=at_ms + number * 1000,
                action="chat.publish",
                outcome="granted",
                user_id=f"u{number % 2}",
                target="chat:c",
                detail='{"on":true}',
            )
            store.audit_soon([entry])
        await store.append(Batch("chat:c", 1, [b"e"], []))


async def test_the_log_comes_out_as_json_lines(collab: Collab, tmp_path: Path) -> None:
    """[A3.3] Oldest first, narrowed by every word given, times with or without a zone."""
    await written(tmp_path)
    lines = [orjson.loads(line) for line in collab(
        "audit", "export", "--data", tmp_path).out.splitlines()]  # fmt: skip
    assert [line["id"] for line in lines] == [1, 2, 3, 4]
    assert lines[0]["detail"] == {"on": True}
    for words, ids in (
        (["--user", "u1"], [2, 4]),
        (["--since", "2025-12-01T00:00:02"], [3, 4]),
        (["--until", "2025-12-01T01:00:01+01:00"], [1]),
        (["--action", "sign_in"], []),
        (["--outcome", "granted", "--target", "chat:c", "--user", "u0"], [1, 3]),
    ):
        out = collab("audit", "export", "--data", tmp_path, *words).out
        assert [orjson.loads(line)["id"] for line in out.splitlines()] == ids


async def test_a_proof_ends_with_the_log_or_with_what_is_wrong(
    collab: Collab, tmp_path: Path
) -> None:
    """[A3.4] 0 and an anchor; 1 and where; an anchor from before is looked for."""
    await written(tmp_path)
    ended = collab("audit", "verify", "--data", tmp_path)
    assert ended.code == 0
    anchor = ended.out.split()[-1]
    assert collab("audit", "verify", "--data", tmp_path, "--anchor", anchor).code == 0
    other = f"9:{anchor.partition(':')[2]}"
    assert collab("audit", "verify", "--data", tmp_path, "--anchor", other).code == ExitCode.FAILED
    db = apsw.Connection(str(tmp_path / "collab.db"))
    db.execute("DROP TRIGGER audit_is_fixed; UPDATE audit SET user = 'eve' WHERE id = 2")
    db.close()
    ended = collab("audit", "verify", "--data", tmp_path)
    assert ended.code == ExitCode.FAILED
    assert ended.out.splitlines()[0] == "entry 2 is not what was written after 1"
    assert "NOT sound" in ended.out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["export"], ExitCode.STORE),
        (["verify"], ExitCode.STORE),
        (["verify", "--anchor", "nonsense"], ExitCode.USAGE),
        (["export", "--since", "yesterday"], ExitCode.USAGE),
        (["export", "--outcome", "maybe"], ExitCode.USAGE),
    ],
)
def test_what_makes_no_sense_is_one_line(
    collab: Collab, tmp_path: Path, words: list[str], code: ExitCode
) -> None:
    """[A3.4] No directory, no anchor, no time: a sentence and a code, nothing made."""
    ended = collab("audit", *words, "--data", tmp_path / "nothing")
    assert ended.code == code
    assert not (tmp_path / "nothing").exists()


async def test_both_work_beside_a_running_server(ask: Ask, server: Server, collab: Collab) -> None:
    """[A1.8] The server's own entries, as it writes them."""
    await ask("call", "chat:c", "chat.create", "{}", "--token", "dev:ann")
    out = collab("audit", "export", "--data", server.config.data).out
    assert [orjson.loads(line)["action"] for line in out.splitlines()] == ["sign_in"]
    assert collab("audit", "verify", "--data", server.config.data).code == 0


async def test_the_servers_log_holds_anchors(
    ask: Ask, server: Server, collab: Collab, caplog: pytest.LogCaptureFixture
) -> None:
    """[A1.9] One when it starts and one when it stops, good for ``--anchor``."""
    caplog.set_level(logging.INFO)
    await ask("call", "chat:c", "chat.create", "{}", "--token", "dev:ann")
    await server.stop()
    anchors = re.findall(r"the audit log ends at (\d+:[0-9a-f]{64})", caplog.text)
    assert anchors
    data = server.config.data
    assert collab("audit", "verify", "--data", data, "--anchor", anchors[-1]).code == 0
    await server.start()
    assert re.findall(r"the audit log ends at (\d+:\w+)", caplog.text)[-1] == anchors[-1]
