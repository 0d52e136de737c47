"""The data directory's own signing key.

Whoever can read the data directory can already read everything in it, so the key that signs
tokens for it may lie there too: ``token_key.json``, a JSON Web Key readable by its owner only.
HS256, not a key pair: the one server that signs is the one that checks, and a check must stay
cheap when ten thousand clients reconnect at once.

The file comes into being complete or not at all, whatever crashes and however many servers and
``collab token`` commands start at once: it is written under another name, synced, then linked.
A link, unlike a rename, fails when somebody else was first; then theirs is used.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Any, Final

import orjson
from attrs import define, field, frozen
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

KEY_FILE_NAME: Final = "token_key.json"
_KEY_BITS: Final = 256
_K_LEN: Final = 43  # Of a key of 256 bits in base64.
_KEY_FILE_BYTES_MAX: Final = 4_096
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@define(eq=False)
class KeyUnusable(Exception):
    """The key file is there but must not or cannot be used. ``remedy`` says what to do."""

    path: Path
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}; {self.remedy}"


@frozen
class OwnKey:
    """A signing key. Its ``repr`` shows the id only."""

    kid: str
    jwk: OctKey = field(repr=False)

    @classmethod
    def ephemeral(cls) -> OwnKey:
        """Return a new key that lives in memory only."""
        return cls._from_jwk(_new_jwk())

    @classmethod
    def open(cls, directory: Path) -> OwnKey:
        """Return *directory*'s key; make it on first use.

        Raises:
          KeyUnusable: others may read the file, or it is no key of ours.
          OSError: the directory is missing or not writable.
        """
        path = directory / KEY_FILE_NAME
        if not path.exists():
            _publish(path, orjson.dumps(_new_jwk().as_dict()))
        return cls._read(path)

    @classmethod
    def _read(cls, path: Path) -> OwnKey:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise KeyUnusable(path, "other users may read it", f"run: chmod 600 {path}")
            text = file.read(_KEY_FILE_BYTES_MAX + 1)
        try:
            return cls._from_jwk(OctKey.import_key(_checked(orjson.loads(text))))
        except (JoseError, ValueError) as error:
            raise KeyUnusable(
                path, "it is no signing key", "restore it, or delete it: signed tokens then end"
            ) from error

    @classmethod
    def _from_jwk(cls, jwk: OctKey) -> OwnKey:
        assert jwk.kid is not None
        return cls(jwk.kid, jwk)


def _checked(members: Any) -> dict[str, str | list[str]]:
    """Return *members* if they are a long enough key with an id; the library is less strict."""
    match members:
        case {"kty": "oct", "k": str(secret), "kid": str(kid)} if kid and len(secret) >= _K_LEN:
            return dict(members)
    raise ValueError("not a symmetric key with an id, or too short")


def _new_jwk() -> OctKey:
    return OctKey.generate_key(
        _KEY_BITS, parameters={"kid": secrets.token_hex(8), "alg": "HS256", "use": "sig"}
    )


def _publish(path: Path, content: bytes) -> None:
    """Make *path* hold *content*, durable and private, unless it exists."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return  # Somebody else was first; their key counts.
    finally:
        draft.unlink()
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
