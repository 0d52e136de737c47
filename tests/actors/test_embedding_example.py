"""The example in docs/embedding.md is what it says: short, typed, and it works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import trio

_DOCUMENT = Path(__file__).parents[2] / "docs" / "embedding.md"


def _example() -> str:
    blocks = re.findall(r"```python\n(.*?)```", _DOCUMENT.read_text("utf-8"), re.DOTALL)
    (counter,) = [block for block in blocks if not block.startswith("# embedded.py")]
    return str(counter)


def test_the_embedding_example_runs() -> None:
    """[K2.7] The counter of docs/embedding.md, as printed, counts to 42."""
    namespace: dict[str, Any] = {}
    exec(compile(_example(), str(_DOCUMENT), "exec"), namespace)
    assert trio.run(namespace["main"]) == 42


def test_the_embedding_example_is_short() -> None:
    """[K2.7] Kind, journal, passivation and a supervisor setting in at most 30 lines."""
    lines = [line for line in _example().splitlines() if line.strip()]
    assert len(lines) <= 30
