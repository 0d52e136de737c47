"""The master keys, and what they seal: AES-256-GCM, bound to whose it is and what for.

``provider_keys.json`` in the data directory, readable by its owner only. One key is active; others
are there only while a rotation is under way (``collab.keyring.rotation``). The file is replaced as
a whole: written under another name, synced, renamed, the directory synced.

The user's id and the provider are the associated data: a sealed key that is moved to another user
or provider, or changed in one bit, does not open. The fingerprint is an HMAC with a key of its
own, which rotation leaves: it tells two keys apart and gives nothing away, not even by trying.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
import stat
from pathlib import Path
from typing import Any, Final

import orjson
from attrs import define, field, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from collab.keyring.limits import MASTER_FILE_BYTES_MAX

FILE_NAME: Final = "provider_keys.json"
_KEY_LEN: Final = 32
_NONCE_LEN: Final = 12  # Random: safe for 2**32 seals under one key.
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class MasterKeysUnusable(Exception):
    """The file is there but must not or cannot be used. Says what to do; never what is in it."""


class SealBroken(Exception):
    """A sealed key does not open: another's, changed, or its master key is gone."""


@frozen
class Sealed:
    """A secret as it is stored: which master key opens it, and the bytes."""

    kid: str
    box: bytes  # Nonce, then ciphertext and tag.


@define(eq=False)
class MasterKeys:
    """All master keys of a data directory; in memory only if there is none."""

    active: str = field(init=False)
    _keys: dict[str, bytes] = field(init=False, repr=False)
    _fingerprint_key: bytes = field(init=False, repr=False)
    _path: Path | None

    @classmethod
    def open(cls, directory: Path | None) -> MasterKeys:
        """Return *directory*'s keys; make them on first use. The directory must be ours alone.

        Raises:
          MasterKeysUnusable: others may read the file, or it holds no keys.
          OSError: it cannot be read or written.
        """
        keys = cls(None if directory is None else directory / FILE_NAME)
        if keys._path is not None and keys._path.exists():
            keys._read(keys._path)
            return keys
        keys.active = secrets.token_hex(8)
        keys._keys = {keys.active: secrets.token_bytes(_KEY_LEN)}
        keys._fingerprint_key = secrets.token_bytes(_KEY_LEN)
        keys._write()
        return keys

    def read_again(self) -> None:
        """Take the file's keys as they are now.

        For whoever has the data directory to itself at last: a rotation may have ended since the
        file was first read, and what an old key seals from then on would never open again.

        Raises:
          MasterKeysUnusable, OSError: as :meth:`open`.
        """
        if self._path is not None:
            self._read(self._path)

    # ------------------------------------------------------------ sealing

    def seal(self, user_id: str, provider: str, secret: str) -> Sealed:
        """Return *secret* sealed with the active key, for this user and provider only."""
        nonce = os.urandom(_NONCE_LEN)
        sealed = AESGCM(self._keys[self.active]).encrypt(
            nonce, secret.encode(), _bound_to(user_id, provider)
        )
        return Sealed(self.active, nonce + sealed)

    def open_sealed(self, user_id: str, provider: str, sealed: Sealed) -> str:
        """Return the secret in *sealed*.

        Raises:
          SealBroken: it is not this user's for this provider, was changed, or its key is gone.
        """
        key = self._keys.get(sealed.kid)
        if key is None:
            raise SealBroken(f"master key {sealed.kid} is gone")
        nonce, box = sealed.box[:_NONCE_LEN], sealed.box[_NONCE_LEN:]
        try:
            return AESGCM(key).decrypt(nonce, box, _bound_to(user_id, provider)).decode()
        except (InvalidTag, ValueError):
            raise SealBroken("it does not open for this user and provider") from None

    def fingerprint(self, user_id: str, provider: str, secret: str) -> str:
        """Return 16 hexadecimal digits that tell this secret from another of the same place."""
        content = _bound_to(user_id, provider) + b"\n" + secret.encode()
        return hmac.digest(self._fingerprint_key, content, "sha256")[:8].hex()

    # ------------------------------------------------------------ rotation

    @property
    def old(self) -> frozenset[str]:
        """The keys that only open; none, unless a rotation is under way."""
        return frozenset(self._keys) - {self.active}

    def begin_rotation(self) -> None:
        """Seal with a fresh key from now on. One that was begun before is gone on with instead.

        Raises:
          OSError: it cannot be stored; the keys are as they were.
        """
        if self.old:
            return
        before = self.active
        self.active = secrets.token_hex(8)
        self._keys[self.active] = secrets.token_bytes(_KEY_LEN)
        try:
            self._write()
        except OSError:
            del self._keys[self.active]
            self.active = before
            raise

    def end_rotation(self) -> None:
        """Forget the old keys. What they sealed, in the journal's past too, never opens again."""
        self._keys = {self.active: self._keys[self.active]}
        self._write()

    # ------------------------------------------------------------ the file

    def _read(self, path: Path) -> None:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise MasterKeysUnusable(f"{path}: other users may read it; run: chmod 600 {path}")
            text = file.read(MASTER_FILE_BYTES_MAX + 1)
        try:
            held: Any = orjson.loads(text)
            self.active = str(held["active"])
            self._keys = {str(kid): _key_from(value) for kid, value in held["keys"].items()}
            self._fingerprint_key = _key_from(held["fingerprint"])
            if self.active not in self._keys:
                raise ValueError("no active key")  # noqa: TRY301 - told like any other flaw
        except (ValueError, KeyError, TypeError, AttributeError):
            # What is in the file stays out of every message.
            raise MasterKeysUnusable(
                f"{path}: it holds no master keys; restore it from a backup"
            ) from None

    def _write(self) -> None:
        if self._path is None:
            return
        held = {
            "active": self.active,
            "keys": {kid: _text_of(key) for kid, key in self._keys.items()},
            "fingerprint": _text_of(self._fingerprint_key),
        }
        _replace(self._path, orjson.dumps(held))


def _bound_to(user_id: str, provider: str) -> bytes:
    """Return the associated data. As a list, so that no two pairs look the same."""
    return orjson.dumps(["collab provider key", user_id, provider])


def _text_of(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _key_from(text: object) -> bytes:
    key = base64.b64decode(str(text), validate=True)
    if len(key) != _KEY_LEN:
        raise ValueError("a key of another length")
    return key


def _replace(path: Path, content: bytes) -> None:
    """Make *path* hold *content*, durable and private: all of it, or what was there before."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
