"""A built page, read into memory: it is small, and then serving it waits for nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from attrs import define, frozen

PAGE_BYTES_MAX: Final = 16 * 1024 * 1024  # All files together; a build of ours is below 2 MiB.
_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
        ".txt": "text/plain; charset=utf-8",
    }
)


@define(eq=False)
class PageBroken(Exception):
    """The folder holds no page."""

    problem: str

    def __str__(self) -> str:
        return self.problem


@frozen
class Asset:
    """One file: its bytes, plain and compressed."""

    media_type: str
    encodings: Mapping[str, bytes]  # "identity", "gzip", "br"

    def best(self, accepted: str) -> tuple[str, bytes]:
        """Return the smallest encoding that the header ``accept-encoding`` names, and its bytes."""
        names = {part.partition(";")[0].strip() for part in accepted.split(",")}
        for encoding in ("br", "gzip"):
            if encoding in names and encoding in self.encodings:
                return encoding, self.encodings[encoding]
        return "identity", self.encodings["identity"]


@frozen
class Page:
    """The document, and the files it names by path (``/assets/…``)."""

    document: str
    assets: Mapping[str, Asset]

    def document_for(self, sign_in: str) -> tuple[bytes, str]:
        """Return the document for a server where one signs in so, and its entity tag."""
        content = self.document.replace("{{sign_in}}", sign_in).encode()
        return content, f'"{hashlib.sha256(content).hexdigest()[:24]}"'


def read_page(folder: Path) -> Page:
    """Return the page that ``build.mjs`` wrote into *folder*. Blocking.

    Raises:
      PageBroken: it is not there, or not whole.
    """
    try:
        document = (folder / "index.html").read_text("utf-8")
        files = sorted(path for path in (folder / "assets").iterdir() if path.suffix in _TYPES)
        if sum(path.stat().st_size for path in files) > PAGE_BYTES_MAX:
            raise PageBroken(f"the page in {folder} is too large")
        assets = {f"/assets/{path.name}": _read(path) for path in files}
    except (OSError, UnicodeDecodeError) as error:
        raise PageBroken(f"the page in {folder} cannot be read: {error}") from error
    return Page(document, MappingProxyType(assets))


def _read(path: Path) -> Asset:
    encodings = {"identity": path.read_bytes()}
    for encoding, suffix in (("gzip", ".gz"), ("br", ".br")):
        compressed = path.with_name(path.name + suffix)
        if compressed.is_file():
            encodings[encoding] = compressed.read_bytes()
    return Asset(_TYPES[path.suffix], MappingProxyType(encodings))
