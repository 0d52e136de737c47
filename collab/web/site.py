"""Which page is served, from the first request on: the built one, or what to tell until then.

::

    WAITING --somebody asks--> BUILDING --done--> READY
                               BUILDING --failed--> FAILED
    FAILED  --somebody asks, after a while--> BUILDING

In a wheel the page is there, in ``collab/web/built``. In a checkout it is built on demand, in a
thread; nothing else of the server waits for it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path
from typing import Final

import trio

from collab.web.assets import Document, Page, PageBroken, read_page
from collab.web.building import HERE, Build, BuildFailed, cache_folder, can_build

_log = logging.getLogger("collab.web")
BUILT: Final = HERE / "built"
RETRY_AFTER_S: Final = 10.0  # So that reloading after a failure tries again, but not in a loop.


class SiteState(Enum):
    """Where the page stands."""

    WAITING = auto()
    BUILDING = auto()
    READY = auto()
    FAILED = auto()


class Site:
    """The page of one server. ``run`` is its task; everything else is called from the same run.

    Args:
      is_dev: one signs in with a name.
      guests: one may come in without signing in.
      folder: a built page to serve instead of building one.
      say: is told of each step of a build.
    """

    def __init__(
        self,
        *,
        is_dev: bool,
        guests: bool = False,
        folder: Path | None = None,
        cache: Path | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        # The words of the document's data-sign-in: how one comes in here.
        self.sign_in: Final = "dev" if is_dev else "token guests" if guests else "token"
        self.state = SiteState.WAITING
        self.page: Page | None = None
        self.document: Document | None = None  # There when the page is.
        self.step = ""  # What a build is at.
        self.problem = ""  # Why the newest one failed, as far as it may be told on the page.
        self._is_dev = is_dev
        self._folder = folder
        self._cache = cache
        self._say = say or _log.info
        self._wanted = trio.Event()
        self._failed_at = -math.inf

    def want(self) -> None:
        """Have the page made ready, if it is not."""
        if self.state is SiteState.WAITING or (
            self.state is SiteState.FAILED
            and trio.current_time() - self._failed_at >= RETRY_AFTER_S
        ):
            self.state = SiteState.BUILDING
            self._wanted.set()

    async def run(self) -> None:
        """Make the page ready whenever it is wanted and not there.

        Cancelled: a build that is under way is ended.
        """
        while self.page is None:
            await self._wanted.wait()
            self._wanted = trio.Event()
            try:
                folder = self._folder or await self._find()
                page = await trio.to_thread.run_sync(read_page, folder)
                self.document = page.document_for(self.sign_in)
                self.page = page
            except (BuildFailed, PageBroken) as problem:
                self._fail(str(problem))
                _log.warning("the page cannot be shown: %s", problem)
            except Exception as problem:  # noqa: BLE001 - a page's absence must not end a server.
                self._fail(f"{type(problem).__name__}: {problem}")
                _log.exception("the page cannot be shown")
        self.state = SiteState.READY

    def _fail(self, problem: str) -> None:
        # It holds paths and what commands said, which is not for everybody who looks at the page.
        self.problem = problem if self._is_dev else "The server's log says why."
        self._failed_at = trio.current_time()
        self.state = SiteState.FAILED

    async def _find(self) -> Path:
        if not can_build():
            return BUILT
        token = trio.lowlevel.current_trio_token()
        cache = self._cache
        if cache is None:
            cache = await trio.to_thread.run_sync(cache_folder)
        build = Build(cache, lambda step: token.run_sync_soon(self._tell, step))
        try:
            return await trio.to_thread.run_sync(build.run, abandon_on_cancel=True)
        finally:
            build.abort()

    def _tell(self, step: str) -> None:
        self.step = step
        self._say(f"the page: {step}")
