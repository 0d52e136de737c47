"""What is genuine, what is fresh, and what it says."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from collab.limits import DELIVERY_WINDOW_MS
from collab.standing import Change, NotGenuine, WebhookUnusable, parse_receivers
from tests.collab.standing.deliveries import (
    NOW_MS,
    RECEIVERS,
    Post,
    clerk,
    clerk_event,
    clerk_membership,
    workos,
    workos_event,
    workos_membership,
)


def changes(name: str, post: Post, now_ms: int = NOW_MS) -> list[Change]:
    return RECEIVERS[name].open(post.headers, post.body, now_ms).changes


def change(name: str, role: str | None = None, *, org: bool = True, at: int = NOW_MS) -> Change:
    org_id = f"{name}:org_1" if org else None
    return Change(user_id=f"{name}:user_1", at_ms=at, org_id=org_id, role=role)


def ended(name: str, session_id: str, *, at: int = NOW_MS) -> Change:
    return Change(user_id=f"{name}:user_1", at_ms=at, session_id=session_id)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (workos_membership(role="admin"), [change("workos", "admin")]),
        (workos_membership(event="created"), [change("workos", "member")]),
        (workos_membership(event="deleted"), [change("workos")]),
        (workos_membership(status="inactive"), [change("workos")]),
        (workos_event("user.deleted", {"id": "user_1"}), [change("workos", org=False)]),
        (
            workos_event("session.revoked", {"id": "s", "user_id": "user_1"}, at_ms=5_000),
            [ended("workos", "s", at=5_000)],
        ),
        (workos_event("user.updated", {"id": "user_1"}), []),
        (workos_event("dsync.activated", {}), []),
    ],
)
def test_events_of_workos_are_understood(told: Mapping[str, Any], expected: list[Change]) -> None:
    """[P5.1] Memberships, users, sessions; everything else is no change."""
    assert changes("workos", workos(told)) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (clerk_membership(role="org:admin"), [change("clerk", "admin")]),
        (clerk_membership(event="created"), [change("clerk", "member")]),
        (clerk_membership(event="deleted"), [change("clerk")]),
        (clerk_event("user.deleted", {"id": "user_1"}), [change("clerk", org=False)]),
        (
            clerk_event("user.updated", {"id": "user_1", "banned": True}),
            [change("clerk", org=False)],
        ),
        (clerk_event("user.updated", {"id": "user_1", "banned": False}), []),
        (
            clerk_event("session.revoked", {"id": "s", "user_id": "user_1"}),
            [ended("clerk", "s")],
        ),
        (clerk_event("organization.created", {"id": "org_1"}), []),
    ],
)
def test_events_of_clerk_are_understood(told: Mapping[str, Any], expected: list[Change]) -> None:
    """[P5.1] The same of the other issuer, whose roles begin with ``org:``."""
    assert changes("clerk", clerk(told)) == expected


@pytest.mark.parametrize("name", ["workos", "clerk"])
def test_a_signature_covers_every_byte(name: str) -> None:
    """[P5.2] One bit of the body or of a header changed, or another secret: not genuine."""
    rng = random.Random(11)
    make, told = (workos, workos_membership()) if name == "workos" else (clerk, clerk_membership())
    good = make(told)
    assert changes(name, good)
    for _ in range(300):
        at = rng.randrange(len(good.body))
        body = bytearray(good.body)
        body[at] ^= 1 << rng.randrange(8)
        with pytest.raises(NotGenuine):
            changes(name, Post(good.headers, bytes(body)))
    for header, value in good.headers.items():
        signed = value if header != "svix-signature" else value.rpartition(",")[2]
        for at in range(len(value) - len(signed), len(value)):
            other = "A" if value[at] != "A" else "B"
            if value[at] in " ,=":
                continue
            changed = {**good.headers, header: value[:at] + other + value[at + 1 :]}
            with pytest.raises(NotGenuine):
                changes(name, Post(changed, good.body))
        without = {known: text for known, text in good.headers.items() if known != header}
        with pytest.raises(NotGenuine):
            changes(name, Post(without, good.body))
    with pytest.raises(NotGenuine):
        changes(name, make(told, secret=b"somebody else's secret"))


@pytest.mark.parametrize("name", ["workos", "clerk"])
def test_a_delivery_is_fresh_for_five_minutes_either_way(name: str) -> None:
    """[P5.3] The signed time decides; clocks may differ by as much."""
    make, told = (workos, workos_membership()) if name == "workos" else (clerk, clerk_membership())
    for off_ms in (-DELIVERY_WINDOW_MS, 0, DELIVERY_WINDOW_MS):
        assert changes(name, make(told), NOW_MS + off_ms)
    for off_ms in (-DELIVERY_WINDOW_MS - 1000, DELIVERY_WINDOW_MS + 1000):
        with pytest.raises(NotGenuine):
            changes(name, make(told), NOW_MS + off_ms)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b'"x"', b"{}", b"{", b"\xff", b'{"event":7,"data":{}}',
        b'{"event":"user.deleted","data":{"id":7},"created_at":"2026-01-01"}',
        b'{"event":"user.deleted","data":{"id":"u\\u0000"},"created_at":"2026-01-01"}',
        b'{"event":"user.deleted","data":{"id":"u"},"created_at":"yesterday"}',
        b'{"event":"user.deleted","data":[],"created_at":"2026-01-01"}',
        b'{"type":"user.deleted","data":{"id":"u"},"timestamp":"1"}',
        b'{"type":"user.deleted","data":{"id":"u"},"timestamp":true}',
        b'{"type":"user.deleted","data":{"id":"u"},"timestamp":-1}',
        b'{"type":"organizationMembership.updated","timestamp":1,"data":{"role":"org:x"}}',
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_signed_and_makes_no_sense_is_refused(body: bytes) -> None:
    """[P5.4] Also from the issuer itself: nothing of it is guessed."""
    for name, post in (("workos", workos({}, body=body)), ("clerk", clerk({}, body=body))):
        if body:
            with pytest.raises(NotGenuine):
                changes(name, post)


@pytest.mark.parametrize(
    "headers",
    [
        {"workos-signature": "t=,v1="},
        {"workos-signature": "," * 1000},
        {"workos-signature": "t=é, v1=é"},
        {"svix-id": "é", "svix-timestamp": "é", "svix-signature": "v1,é"},
        {"svix-id": "", "svix-timestamp": "1", "svix-signature": "v1," * 1000},
        {"svix-id": "a", "svix-timestamp": "9" * 400, "svix-signature": "v1,aa"},
    ],
)
def test_headers_of_any_form_are_only_refused(headers: dict[str, str]) -> None:
    """[P5.4] Whoever sends what: the answer is the same."""
    for name in RECEIVERS:
        with pytest.raises(NotGenuine):
            changes(name, Post(headers, b"{}"))


def test_settings_name_the_issuer_its_format_and_a_file(tmp_path: Path) -> None:
    """[P5.5] The secret stands in a file; no message and no ``repr`` quotes it."""
    secret = tmp_path / "clerk.secret"
    secret.write_text("whsec_YSBzZWNyZXQgdGhhdCBpcyBsb25nIGVub3VnaA==\n")
    receivers = parse_receivers([f"acme=clerk:{secret}", f"workos=workos:{secret}"])
    assert receivers["acme"].secret == b"a secret that is long enough"
    assert "secret that" not in repr(receivers)
    assert "whsec" not in repr(receivers)
    (tmp_path / "short").write_text("SHORT")
    for line in (
        "x", "x=clerk", "x=auth0:f", f"x=clerk:{tmp_path / 'missing'}",
        f"x=workos:{tmp_path / 'short'}", f"x=clerk:{tmp_path / 'short'}",
    ):  # fmt: skip
        with pytest.raises(WebhookUnusable) as refusal:
            parse_receivers([line])
        assert "SHORT" not in str(refusal.value)
