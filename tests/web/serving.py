"""A server in a process of its own, which can be killed and started again at the same address."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

WITHIN_S: Final = 20.0
PAUSE_S: Final = 0.05


class Server:
    """``collab serve`` over one directory, in development or with real tokens."""

    def __init__(self, data: Path, *flags: str) -> None:
        self._data = data
        self._flags = flags or ("--dev",)
        self._process: subprocess.Popen[str] | None = None
        self._port = 0
        self.url = ""

    def start(self) -> None:
        """Start it and wait until it shows its page."""
        command = [sys.executable, "-m", "collab", "serve", "--log-level", "warning", *self._flags]
        where = ["--port", str(self._port), "--data", str(self._data)]
        self._process = subprocess.Popen(
            command + where, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        found = re.search(r"listening on (http://\S+:(\d+))", self._process.stdout.readline())
        assert found is not None, "the server did not start"
        self.url, self._port = found[1], int(found[2])
        ends_at = time.monotonic() + WITHIN_S
        while not self._shows_its_page():
            assert time.monotonic() < ends_at, "the page was not ready in time"
            time.sleep(PAUSE_S)

    def token(self, user: str, *, ttl_s: int = 3600) -> str:
        """Return a token of the server's own for *user*, good for *ttl_s*."""
        command = [sys.executable, "-m", "collab", "token", "--user", user, "--ttl", str(ttl_s)]
        where = ["--data", str(self._data)]
        made = subprocess.run([*command, *where], capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    def kill(self) -> None:
        """End it as a loss of power would."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _shows_its_page(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=WITHIN_S) as answer:
                status: int = answer.status
        except urllib.error.HTTPError as refusal:
            refusal.close()
            return False
        return status == 200
