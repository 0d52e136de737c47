"""A webhook's bytes: are they the issuer's, are they fresh, and what do they say?

::

    WorkOS   WorkOS-Signature: t=MILLISECONDS, v1=HEX     HMAC-SHA256(secret, "t.body")
    Clerk    svix-id, svix-timestamp: SECONDS,            HMAC-SHA256(base64 secret, "id.t.body")
             svix-signature: "v1,BASE64 v1,BASE64 ..."    one of several while a secret changes

The signature is over the raw bytes and checked before anything of them is read. Everything that is
not genuine is :class:`NotGenuine`, without a reason.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, cast

import orjson
from attrs import field, frozen

from collab.limits import DELIVERY_WINDOW_MS, WEBHOOK_SECRET_BYTES_MAX
from collab.standing.changes import Change
from collab.standing.reading import CannotRead, changes_of_clerk, changes_of_workos

Format = Literal["workos", "clerk"]

_LINE: Final = re.compile(r"(?P<name>[a-z][a-z0-9_-]{0,31})=(?P<format>workos|clerk):(?P<file>.+)")
_SIGNATURES_MAX: Final = 8
_DELIVERY_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
_SECRET_LEN_MIN: Final = 16


class WebhookUnusable(Exception):
    """A setting of a webhook makes no sense, or its file holds no secret. Never quotes one."""


class NotGenuine(Exception):
    """It is not from the issuer, or not fresh. Says no more on purpose."""


@frozen(kw_only=True)
class Delivery:
    """A genuine one. ``until_ms``: after that its time stamp alone would have it refused."""

    id: str
    until_ms: int
    changes: list[Change]


@frozen(kw_only=True)
class Receiver:
    """Where one issuer's webhooks come in. ``name`` is the issuer's in the settings of sign-in."""

    name: str
    format: Format
    secret: bytes = field(repr=False)

    def open(self, headers: Mapping[str, str], body: bytes, now_ms: int) -> Delivery:
        """Return what a request brings; header names are in lower case.

        Raises:
          NotGenuine: signature, time or form are wrong.
        """
        if self.format == "workos":
            sent_ms, digest = self._proved_workos(headers, body)
            delivery_id = digest
        else:
            sent_ms, delivery_id = self._proved_clerk(headers, body)
        if abs(now_ms - sent_ms) > DELIVERY_WINDOW_MS:
            raise NotGenuine
        try:
            told = orjson.loads(body)
            read = changes_of_workos if self.format == "workos" else changes_of_clerk
            changes = read(self.name, told)
        except (CannotRead, orjson.JSONDecodeError):
            raise NotGenuine from None
        if self.format == "workos" and isinstance(told, dict):
            delivery_id = _id_of(told.get("id")) or delivery_id
        until_ms = sent_ms + DELIVERY_WINDOW_MS + 1
        return Delivery(id=delivery_id, until_ms=until_ms, changes=changes)

    def _proved_workos(self, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        parts = dict(
            part.strip().partition("=")[::2]
            for part in headers.get("workos-signature", "").split(",")[:_SIGNATURES_MAX]
        )
        sent, given = parts.get("t", ""), parts.get("v1", "")
        digest = hmac.new(self.secret, f"{sent}.".encode() + body, hashlib.sha256).hexdigest()
        # Compared as bytes: strings with other than ASCII cannot be.
        is_same = hmac.compare_digest(digest.encode(), given.encode("utf-8", "replace"))
        return _milliseconds(sent, 1, is_proved=is_same), digest

    def _proved_clerk(self, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        delivery_id = headers.get("svix-id", "")
        sent = headers.get("svix-timestamp", "")
        signed = f"{delivery_id}.{sent}.".encode("utf-8", "replace") + body
        digest = base64.b64encode(hmac.digest(self.secret, signed, "sha256"))
        is_same = False
        for given in headers.get("svix-signature", "").split(" ")[:_SIGNATURES_MAX]:
            version, _, text = given.partition(",")
            is_this = hmac.compare_digest(digest, text.encode("utf-8", "replace"))
            is_same |= version == "v1" and is_this
        is_same &= _id_of(delivery_id) is not None
        return _milliseconds(sent, 1000, is_proved=is_same), delivery_id


def _milliseconds(text: str, factor: int, *, is_proved: bool) -> int:
    """Return a proved time stamp. Raises NotGenuine."""
    if not is_proved or not (text.isascii() and text.isdecimal() and len(text) <= 16):
        raise NotGenuine
    return int(text) * factor


def _id_of(given: Any) -> str | None:
    return given if isinstance(given, str) and _DELIVERY_ID.fullmatch(given) else None


def parse_receivers(lines: Iterable[str]) -> Mapping[str, Receiver]:
    """Return the receivers of ``NAME=FORMAT:FILE`` lines, by name. Reads the secrets' files.

    Raises:
      WebhookUnusable: a line makes no sense, or its file holds no secret.
    """
    receivers: dict[str, Receiver] = {}
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            raise WebhookUnusable(f"{line!r} is no webhook: NAME=workos:FILE or NAME=clerk:FILE")
        name, form, file = match.group("name", "format", "file")
        if name in receivers:
            raise WebhookUnusable(f"there are two webhooks called {name}")
        receivers[name] = Receiver(
            name=name, format=cast("Format", form), secret=_secret(Path(file), form)
        )
    return receivers


def _secret(path: Path, form: str) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(WEBHOOK_SECRET_BYTES_MAX + 1).strip()
    except OSError as error:
        raise WebhookUnusable(f"{path} cannot be read ({error.strerror})") from None
    if form == "clerk":
        try:
            text = base64.b64decode(text.removeprefix(b"whsec_"), validate=True)
        except binascii.Error:
            raise WebhookUnusable(f"{path} holds no secret of Clerk's: whsec_BASE64") from None
    if not _SECRET_LEN_MIN <= len(text) <= WEBHOOK_SECRET_BYTES_MAX:
        raise WebhookUnusable(f"{path} holds no secret: it is too short or too long")
    return text
