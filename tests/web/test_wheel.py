"""What an installed server shows."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Final

import pytest

from collab.web import read_page
from collab.web.building import HERE

ROOT: Final = HERE.parent.parent
BUILD_TIMEOUT_S: Final = 300


@pytest.mark.long
def test_a_wheel_holds_the_built_page_and_none_of_its_sources(tmp_path: Path) -> None:
    """[Z1.8] Who installs a wheel has the page, without Node and without a network."""
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        pytest.skip("needs uv")
    try:
        subprocess.run(
            [uv, "build", "--wheel", "--out-dir", str(tmp_path)],
            cwd=ROOT,
            check=True,
            capture_output=True,
            timeout=BUILD_TIMEOUT_S,
        )
    finally:
        shutil.rmtree(HERE / "built", ignore_errors=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "there")
    page = read_page(tmp_path / "there" / "collab" / "web" / "built")
    assert "{{sign_in}}" in page.document
    assert any(path.endswith(".css") for path in page.assets)
    assert not [name for name in names if name.endswith((".ts", ".tsx")) or "node_modules" in name]
