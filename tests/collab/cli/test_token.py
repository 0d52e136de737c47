"""``collab token``: people, services and guests."""

from __future__ import annotations

from pathlib import Path

import pytest

from collab.app import system_clock_ms
from collab.cli.exit_codes import ExitCode
from collab.identity import OwnKey, Signer, is_guest_id
from tests.collab.cli.conftest import Collab


def test_a_service_gets_its_scopes(collab: Collab, tmp_path: Path) -> None:
    """[I4.3] ``--scope``, as often as needed, makes a service's token."""
    scopes = ("meeting:transcript.append", "meeting:read:transcript")
    words = [word for scope in scopes for word in ("--scope", scope)]
    ended = collab("token", "--user", "bot", *words, "--data", tmp_path)
    assert ended.code == 0
    said = Signer(OwnKey.open(tmp_path), system_clock_ms).check(ended.out.strip())
    assert (said.user_id, said.scopes) == ("bot", scopes)


def test_a_guest_gets_an_id(collab: Collab, tmp_path: Path) -> None:
    """[I4.3] ``--guest`` makes a new guest's token."""
    ended = collab("token", "--guest", "--data", tmp_path)
    assert ended.code == 0
    said = Signer(OwnKey.open(tmp_path), system_clock_ms).check(ended.out.strip())
    assert is_guest_id(said.user_id)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--guest", "--user", "ann"),
        ("--guest", "--org", "acme"),
        ("--user", "bot", "--scope", "everything"),
        ("--user", "guest:x", "--org", "acme"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    collab: Collab, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """[I4.3] Neither, or both, or a scope for everything: a line, and no token."""
    ended = collab("token", *words, "--data", tmp_path)
    assert (ended.code, ended.out) == (ExitCode.USAGE, "")
