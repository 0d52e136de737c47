"""Profiles and accounts: what may stand in them, and who sees what."""

from __future__ import annotations

from typing import Any

import pytest

from collab.errors import BadRequest, PermissionDenied
from collab.kind import Caller
from collab.limits import GOALS_MAX, INTERESTS_MAX
from collab.user import USER
from collab.user.profile import taxonomy
from collab.user.profile.commands import GetCard, GetProfile, GetTaxonomy, SetProfile, SignedIn
from collab.user.profile.languages import language_tag
from collab.user.profile.shapes import Experience, Language
from collab.user.state import UserState
from protocol.errors import WireError
from protocol.structure import JSON, structure, unpack
from tests.collab.messages.stage import Stage


@pytest.fixture
def ann() -> Stage[UserState]:
    return Stage(USER, "ann")


def full() -> SetProfile:
    return SetProfile(
        name="Ann",
        bio="Builds bridges.",
        interests=["software", "music"],
        goals=["meet people who build bridges"],
        languages=[Language(tag="EN-us", level="native"), Language(tag="de")],
        experience=[Experience(role="Engineer", place="Works", from_year=2019)],
    )


# ---------------------------------------------------------------- given profile.set


@pytest.mark.parametrize(
    "args",
    [
        {"name": "x" * 101},
        {"bio": "x" * 2_001},
        {"bio": "\ud800"},
        {"interests": ["music"] * 2},
        {"interests": [f"i{n}" for n in range(INTERESTS_MAX + 1)]},
        {"goals": [str(n) for n in range(GOALS_MAX + 1)]},
        {"goals": [""]},
        {"goals": ["x" * 201]},
        {"goals": ["\ud800"]},
        {"languages": [{"tag": "deutsch-DE"}]},
        {"languages": [{"tag": "en"}, {"tag": "EN"}]},
        {"languages": [{"tag": "en", "level": "godlike"}]},
        {"experience": [{"role": "", "from_year": 2000}]},
        {"experience": [{"role": "x", "from_year": 2000, "to_year": 1999}]},
        {"experience": [{"role": "x", "from_year": 99}]},
        {"experience": [{"role": "x", "from_year": "2000"}]},
    ],
)
def test_bad_profiles_do_not_reach_the_rules(args: dict[str, Any]) -> None:
    """[U2.1] Lengths, numbers, duplicates and languages are checked before anything happens."""
    with pytest.raises(WireError) as caught:
        structure(args, SetProfile, encoding=JSON)
    assert caught.value.code == "bad_request"


def test_unknown_interests_are_refused_by_name(ann: Stage[UserState]) -> None:
    """[U2.2] What the taxonomy does not have cannot be stored."""
    with pytest.raises(BadRequest, match="telepathy"):
        ann.do("ann", SetProfile(interests=["music", "telepathy"]))
    assert ann.seq == 0


def test_a_retired_interest_stays_with_who_has_it(
    ann: Stage[UserState], monkeypatch: pytest.MonkeyPatch
) -> None:
    """[U2.2] It can be kept, not taken up."""
    ann.do("ann", SetProfile(interests=["music"]))
    monkeypatch.setattr(taxonomy, "KNOWN", taxonomy.KNOWN - {"music", "film"})
    monkeypatch.setattr(taxonomy, "RETIRED", frozenset({"music", "film"}))
    ann.do("ann", SetProfile(interests=["music", "law"]))
    with pytest.raises(BadRequest):
        ann.do("ann", SetProfile(interests=["music", "film"]))


async def test_the_taxonomy_is_versioned_and_consistent(ann: Stage[UserState]) -> None:
    """[U2.2] Every id once, with a label; anybody reads it at their own actor."""
    shown: Any = await ann.look("ann", GetTaxonomy())
    assert shown["version"] == taxonomy.VERSION
    ids = [interest["id"] for group in shown["groups"] for interest in group["interests"]]
    assert len(ids) == len(set(ids)) == len(taxonomy.KNOWN)
    labels = [interest["label"] for group in shown["groups"] for interest in group["interests"]]
    assert all(labels)
    assert all(group["label"] for group in shown["groups"])
    assert not taxonomy.RETIRED & taxonomy.KNOWN


def test_what_is_absent_stays_and_what_is_the_same_makes_no_event(ann: Stage[UserState]) -> None:
    """[U2.1] Lists are replaced as a whole; an empty one empties."""
    first = ann.do("ann", full())
    assert first["languages"][0] == {"tag": "en-US", "level": "native"}
    assert ann.do("ann", full()) == first
    assert ann.do("ann", SetProfile()) == first
    assert ann.seq == 1
    assert ann.do("ann", SetProfile(goals=[]))["goals"] == []
    assert ann.state.profile.bio == "Builds bridges."
    assert ann.replayed() == ann.state == ann.restored()


@pytest.mark.parametrize(
    ("given", "spelled"),
    [
        ("EN", "en"),
        ("pt-br", "pt-BR"),
        ("ZH-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("DE-ch-1996", "de-CH-1996"),
        ("sl-ROZAJ-biske", "sl-rozaj-biske"),
        ("en-a-BBB-x-a-CCC", "en-a-bbb-x-a-ccc"),
        ("zh-min-nan", "zh-min-nan"),
    ],
)
def test_language_tags_get_their_usual_spelling(given: str, spelled: str) -> None:
    """[U2.3] Case carries no meaning: RFC 5646, section 2.1.1."""
    assert language_tag(given) == spelled
    assert language_tag(spelled) == spelled


@pytest.mark.parametrize(
    "text",
    [
        *("", "e", "en-", "-en", "en--us", "en_US", "en us", "deutsch-DE-", "en-US-US", "x-mine"),
        *("i-klingon", "de-1996-1996", "en-a", "en-a-bb-a-cc", "ünglish", "en\n", "a" * 36, "١٢"),
    ],
)
def test_what_is_no_language_tag_is_refused(text: str) -> None:
    """[U2.3] Ill-formed, doubled, of private use alone, or not ASCII."""
    with pytest.raises(ValueError, match="language tag"):
        language_tag(text)


# ---------------------------------------------------------------- given a sign-in


def test_the_first_sign_in_makes_an_account_and_later_ones_update_it(
    ann: Stage[UserState],
) -> None:
    """[U2.4] The newest wins; the same again, or something older, changes nothing."""
    ann.receive(SignedIn(email="a@x.org", name="Ann A.", org_id="o", at_ms=10), "identity")
    ann.receive(SignedIn(email="a@x.org", name="Ann A.", org_id="o", at_ms=20), "identity")
    ann.receive(SignedIn(email="old@x.org", at_ms=5), "identity")
    assert ann.seq == 1
    ann.receive(SignedIn(email="b@x.org", org_id="p", org_role="admin", at_ms=30), "identity")
    account = ann.state.account
    assert (account.email, account.org_id, account.org_role) == ("b@x.org", "p", "admin")
    assert (account.since_ms, account.signed_in_ms) == (10, 30)
    assert ann.replayed() == ann.state == ann.restored()


# ---------------------------------------------------------------- who sees what


async def test_a_card_shows_what_others_may_know(ann: Stage[UserState]) -> None:
    """[U2.5] Name, biography, interests and languages; nothing else, not even empty."""
    ann.receive(SignedIn(email="a@x.org", name="Ann A.", org_id="o", at_ms=10), "identity")
    colleague = Caller("ben", org_id="o")
    card: Any = await ann.look(colleague, GetCard())
    assert card["name"] == "Ann A."
    ann.do("ann", full())
    card = await ann.look(colleague, GetCard())
    assert card == {
        "user_id": "ann",
        "name": "Ann",
        "bio": "Builds bridges.",
        "interests": ["software", "music"],
        "languages": [
            {"tag": "en-US", "level": "native"},
            {"tag": "de", "level": "working"},
        ],
    }
    assert unpack(ann.rows.listings["card"][0], dict[str, Any]) == card
    mine: Any = await ann.look("ann", GetProfile())
    assert mine["account"]["email"] == "a@x.org"
    assert mine["profile"]["goals"] == ["meet people who build bridges"]


async def test_strangers_see_nothing(ann: Stage[UserState]) -> None:
    """[U2.5] Nor people of another organisation, nor those without one; nobody else sees all."""
    ann.do("ann", full())
    for stranger in (Caller("ben"), Caller("ben", org_id="p")):
        with pytest.raises(PermissionDenied):
            await ann.look(stranger, GetCard())
    ann.receive(SignedIn(org_id="o", at_ms=10), "identity")
    for caller in (Caller("ben"), Caller("ben", org_id="p")):
        with pytest.raises(PermissionDenied):
            await ann.look(caller, GetCard())
    with pytest.raises(PermissionDenied):
        await ann.look(Caller("ben", org_id="o", org_role="admin"), GetProfile())
    with pytest.raises(PermissionDenied):
        ann.snapshot(Caller("ben", org_id="o"), "profile")
