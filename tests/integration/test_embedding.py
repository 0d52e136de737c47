"""The server inside another program, as docs/embedding.md prints it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import collab

DOCUMENT = Path(__file__).parents[2] / "docs" / "embedding.md"


def test_the_whole_server_runs_inside_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    """[V6.4] Without a socket and with one, the same chat: the printed program works."""
    match = re.search(r"```python\n(# embedded\.py\n.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert match is not None
    namespace: dict[str, Any] = {}
    exec(compile(match[1], str(DOCUMENT), "exec"), namespace)
    assert capsys.readouterr().out == "['from inside', 'from outside']\n"


def test_the_face_offers_what_it_names() -> None:
    """[V6.4] Every name of the face exists; others are refused like any attribute."""
    assert all(getattr(collab, name) is not None for name in collab.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        collab.nonsense  # noqa: B018
