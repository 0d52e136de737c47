"""A built page, read into memory: it is small, and then serving it waits for nothing."""

from __future__ import annotations

import gzip
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
        """Return the smallest encoding that the header ``accept-encoding`` allows, and its bytes.

        Weights other than 0 are not compared: whoever takes the smallest at all is sent it.
        """
        allowed = _allowed(accepted)
        for encoding in ("br", "gzip"):
            if encoding in self.encodings and allowed.get(encoding, allowed.get("*", False)):
                return encoding, self.encodings[encoding]
        return "identity", self.encodings["identity"]


@frozen
class Document(Asset):
    """The document, for a server where one signs in in its way."""

    tag: str  # Weak: it stands for the document in any encoding.


@frozen
class Page:
    """The document, and the files it names by path (``/assets/…``)."""

    document: str
    assets: Mapping[str, Asset]

    def document_for(self, sign_in: str) -> Document:
        """Return the document for a server where one signs in so."""
        content = self.document.replace("{{sign_in}}", sign_in).encode()
        encodings = {"identity": content, "gzip": gzip.compress(content, mtime=0)}
        tag = f'W/"{hashlib.sha256(content).hexdigest()[:24]}"'
        return Document(_TYPES[".html"], MappingProxyType(encodings), tag)


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


def _allowed(accepted: str) -> dict[str, bool]:
    """Return which codings a header ``accept-encoding`` names, and which of them it takes."""
    allowed = {}
    for part in accepted.split(","):
        coding, *words = (word.strip().lower() for word in part.split(";"))
        weights = [word[2:] for word in words if word.startswith("q=")]
        allowed[coding] = not weights or weights[0].strip("0.") != ""
    return allowed


def _read(path: Path) -> Asset:
    encodings = {"identity": path.read_bytes()}
    for encoding, suffix in (("gzip", ".gz"), ("br", ".br")):
        compressed = path.with_name(path.name + suffix)
        if compressed.is_file():
            encodings[encoding] = compressed.read_bytes()
    return Asset(_TYPES[path.suffix], MappingProxyType(encodings))
