"""The JavaScript client's own tests, where Node is; ``npm test`` in ``protocol/js`` runs all."""

from __future__ import annotations

import os
import shutil
from functools import partial
from subprocess import STDOUT
from typing import Final

import pytest
import trio

from tests.js.test_js_rules import PROJECT

NPM: Final = shutil.which("npm")
QUICK_S: Final = 120.0
ALL_S: Final = 600.0


def require_packages() -> None:
    """Skip the tests of a module on machines without Node or the client's packages."""
    if NPM is None:
        pytest.skip("needs Node", allow_module_level=True)
    if not (PROJECT / "node_modules").is_dir():
        pytest.skip("needs npm ci in protocol/js", allow_module_level=True)


require_packages()


async def npm(*arguments: str, timeout_s: float) -> None:
    """Run npm in the client's folder; its words are the failure's."""
    assert NPM is not None
    run = partial(
        trio.run_process,
        [NPM, *arguments],
        cwd=PROJECT,
        env={**os.environ, "NO_COLOR": "1"},
        capture_stdout=True,
        stderr=STDOUT,
        check=False,
    )
    with trio.fail_after(timeout_s):
        ended = await run()
    assert ended.returncode == 0, ended.stdout.decode(errors="replace")[-20_000:]


async def test_the_javascript_client_is_strictly_typed() -> None:
    """[O9.3] The compiler finds nothing in the client, the hooks, the queries and their tests."""
    await npm("run", "check", timeout_s=QUICK_S)


async def test_the_javascript_client_does_without_a_server_what_its_rules_say() -> None:
    """[O9.8] Calls, followers, connections, encodings, views and the recorded exchanges."""
    await npm("run", "test:quick", timeout_s=QUICK_S)


@pytest.mark.long
async def test_the_javascript_client_does_with_a_server_what_its_rules_say() -> None:
    """[O9.8] All of it: real servers killed and started again, React, TanStack, packages."""
    await npm("test", timeout_s=ALL_S)
