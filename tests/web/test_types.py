"""The page's own types, checked by the compiler."""

from __future__ import annotations

import shutil
import subprocess
from typing import Final

import pytest

from collab.web.building import HERE

COMPILER: Final = HERE / "node_modules" / ".bin" / "tsc"


def test_the_page_is_well_typed() -> None:
    """[Z1.7] The page fits the types of the contract and of the client, strictly."""
    if shutil.which("node") is None or not COMPILER.exists():
        pytest.skip("needs Node, and npm ci in collab/web")
    checked = subprocess.run(
        [str(COMPILER), "-p", str(HERE)], capture_output=True, text=True, timeout=60
    )
    assert checked.returncode == 0, checked.stdout
