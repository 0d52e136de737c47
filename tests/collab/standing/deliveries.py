"""Deliveries as WorkOS and Clerk make them, signed here with the standard library."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from attrs import frozen

from collab.standing import Receiver

NOW_MS: Final = 1_800_000_000_000
SECRET: Final = b"a secret of thirty-two characters"
RECEIVERS: Final[Mapping[str, Receiver]] = {
    "workos": Receiver(name="workos", format="workos", secret=SECRET),
    "clerk": Receiver(name="clerk", format="clerk", secret=SECRET),
}


@frozen
class Post:
    """A request: its headers, in lower case, and its body."""

    headers: dict[str, str]
    body: bytes


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def workos(
    told: Mapping[str, Any], *, sent_ms: int = NOW_MS, secret: bytes = SECRET, body: bytes = b""
) -> Post:
    """Return *told* as WorkOS sends it."""
    body = body or orjson.dumps(told)
    signature = hmac.new(secret, b"%d." % sent_ms + body, hashlib.sha256).hexdigest()
    return Post({"workos-signature": f"t={sent_ms}, v1={signature}"}, body)


def clerk(
    told: Mapping[str, Any],
    *,
    sent_ms: int = NOW_MS,
    secret: bytes = SECRET,
    delivery: str = "msg_1",
    body: bytes = b"",
) -> Post:
    """Return *told* as Clerk sends it, by Svix."""
    body = body or orjson.dumps(told)
    signed = f"{delivery}.{sent_ms // 1000}.".encode() + body
    signature = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    headers = {
        "svix-id": delivery,
        "svix-timestamp": str(sent_ms // 1000),
        "svix-signature": f"v1,bm90IHRoaXMgb25l v1,{signature}",
    }
    return Post(headers, body)


def workos_membership(
    user: str = "user_1",
    role: str = "member",
    *,
    event: str = "updated",
    status: str = "active",
    at_ms: int = NOW_MS,
    event_id: str = "event_1",
) -> dict[str, Any]:
    """Return the body of a membership event of WorkOS."""
    return {
        "id": event_id,
        "event": f"organization_membership.{event}",
        "created_at": _iso(at_ms),
        "data": {
            "object": "organization_membership",
            "id": "om_1",
            "user_id": user,
            "organization_id": "org_1",
            "role": {"slug": role},
            "status": status,
            "updated_at": _iso(at_ms),
        },
    }


def workos_event(
    event: str, data: Mapping[str, Any], *, at_ms: int = NOW_MS, event_id: str = "event_1"
) -> dict[str, Any]:
    """Return the body of any event of WorkOS."""
    return {"id": event_id, "event": event, "created_at": _iso(at_ms), "data": dict(data)}


def clerk_membership(
    user: str = "user_1", role: str = "org:member", *, event: str = "updated", at_ms: int = NOW_MS
) -> dict[str, Any]:
    """Return the body of a membership event of Clerk."""
    data = {
        "id": "orgmem_1",
        "organization": {"id": "org_1", "name": "Acme"},
        "public_user_data": {"user_id": user, "identifier": "a@example.org"},
        "role": role,
    }
    return clerk_event(f"organizationMembership.{event}", data, at_ms=at_ms)


def clerk_event(kind: str, data: Mapping[str, Any], *, at_ms: int = NOW_MS) -> dict[str, Any]:
    """Return the body of any event of Clerk."""
    return {"object": "event", "type": kind, "timestamp": at_ms, "data": dict(data)}
