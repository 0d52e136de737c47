"""Where the contract can be had: over HTTP from a server, on a command line without one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from collab.app import AppSettings
from collab.cli import main
from collab.cli.exit_codes import ExitCode
from collab.kinds import BUILT_IN
from collab.schema import document
from tests.collab.http.test_http_notes import ask
from tests.conformance.pad import PAD
from tests.integration.served import served

OWN_KIND = "from tests.conformance.pad import PAD as MINE\n"


async def test_a_server_hands_out_its_contract_to_anybody() -> None:
    """[P11.9] Three forms, of the kinds that this server runs, without a token."""
    kinds = (*BUILT_IN, PAD)
    async with served(None, AppSettings(dev=True, kinds=kinds)) as server:
        for path, form, media_type in (
            ("/v1/schema", "asyncapi", "application/vnd.aai.asyncapi+json;version=3.0.0"),
            ("/v1/schema.json", "jsonschema", "application/schema+json"),
            ("/v1/schema.ts", "typescript", "text/plain; charset=utf-8"),
        ):
            answer = await ask(server, path, user=None)
            assert answer.status == 200
            assert answer.headers["content-type"] == media_type
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.body.decode() == document(kinds, form)  # type: ignore[arg-type]
            assert b"pad.add" in answer.body


async def test_who_has_it_already_is_sent_a_header() -> None:
    """[P11.9] An ETag of the content: 304 for whoever has that, the whole for everybody else."""
    async with served() as server:
        first = await ask(server, "/v1/schema.json", user=None)
        etag = first.headers["etag"]
        assert etag != (await ask(server, "/v1/schema", user=None)).headers["etag"]
        for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            again = await ask(
                server, "/v1/schema.json", user=None, headers={"if-none-match": known}
            )
            assert (again.status, again.body) == (304, b"")
            assert again.headers["etag"] == etag
        other = await ask(
            server, "/v1/schema.json", user=None, headers={"if-none-match": '"other"'}
        )
        assert (other.status, other.body) == (200, first.body)
        assert (await ask(server, "/v1/schema.json", user=None, method="POST")).status == 405


@pytest.mark.parametrize("form", ["asyncapi", "jsonschema", "typescript", "markdown"])
def test_a_command_prints_it(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """[P11.10] ``collab schema`` prints each form, without a server."""
    with pytest.raises(SystemExit) as ended:
        main(["schema", "--format", form])
    assert ended.value.code == ExitCode.DONE
    assert capsys.readouterr().out == document(BUILT_IN, form)  # type: ignore[arg-type]


def test_kinds_of_ones_own_are_printed_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """[P11.10] ``--kinds`` adds them; a name that leads nowhere is one line and an exit code."""
    (tmp_path / "own_kind_for_schema.py").write_text(OWN_KIND)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["schema", "--kinds", "own_kind_for_schema:MINE"])
    assert ended.value.code == ExitCode.DONE
    assert "pad.pad.add" in json.loads(capsys.readouterr().out)["operations"]
    with pytest.raises(SystemExit) as ended:
        main(["schema", "--kinds", "own_kind_for_schema:NONE"])
    assert ended.value.code == ExitCode.SETTINGS
    assert "own_kind_for_schema:NONE" in capsys.readouterr().err
