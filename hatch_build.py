"""Puts the built page into wheels: who installs one needs neither Node nor the network.

An editable installation (``uv sync``) builds nothing: there the server makes the page when somebody
asks for it. With ``COLLAB_WITHOUT_PAGE=1`` a wheel is made without, for machines that cannot build.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface):  # type: ignore[misc, type-arg, unused-ignore]
    """Runs ``collab/web/building.py``, which needs nothing but Python."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the page before files are collected."""
        if version == "editable" or os.environ.get("COLLAB_WITHOUT_PAGE"):
            return
        web = Path(self.root) / "collab" / "web"
        built = web / "built"
        shutil.rmtree(built, ignore_errors=True)
        subprocess.run([sys.executable, str(web / "building.py"), str(built)], check=True)
