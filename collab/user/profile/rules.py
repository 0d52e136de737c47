"""The rules of profile and account, who sees what of them, and the card that others get.

A *card* is name, biography, interests and languages: what one shows to people with whom one has
something in common. Goals, experience, e-mail and organisation are for oneself (and, later, for
the server's own matching). The card is also a projection row, so that a meeting can show its
people's cards without waking their actors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]
from attrs import asdict, evolve

from collab.errors import BadRequest
from collab.kind import Answer, Caller, Context, Outcome, Put, Stamp
from collab.user.profile import taxonomy
from collab.user.profile.commands import (
    AccountSet,
    GetCard,
    GetProfile,
    GetTaxonomy,
    ProfileSet,
    SetProfile,
    SignedIn,
    StandingTold,
)
from collab.user.profile.languages import language_tag
from collab.user.profile.shapes import Account, Profile
from collab.user.state import UserState

CARD_LISTING: Final = "card"
CARD_POSITION: Final = 0  # The listing has one row.

# ---------------------------------------------------------------- decide


def set_profile(state: UserState, command: SetProfile, _context: Context) -> Outcome:
    """Change what is given; what is so already changes nothing.

    Raises:
      BadRequest: an interest is none of the taxonomy's; it is named.
    """
    held = state.profile
    _check_interests(command.interests or (), held.interests)
    spoken = command.languages
    changed = ProfileSet(
        name=_new(command.name, held.name),
        bio=_new(command.bio, held.bio),
        interests=_new(command.interests, held.interests),
        goals=_new(command.goals, held.goals),
        languages=held.languages
        if spoken is None
        else [evolve(language, tag=language_tag(language.tag)) for language in spoken],
        experience=_new(command.experience, held.experience),
    )
    after = _profile(changed)
    return Outcome([] if after == held else [changed], asdict(after))


def _new(given: Any, held: Any) -> Any:
    return held if given is None else given


def _check_interests(wanted: Sequence[str], held: Sequence[str]) -> None:
    for interest in wanted:
        if interest in taxonomy.KNOWN or (interest in taxonomy.RETIRED and interest in held):
            continue
        raise BadRequest(f"{interest[:64]!r} is no interest; see profile.taxonomy")


def sign_in(state: UserState, command: SignedIn, context: Context) -> Outcome:
    """Take over what the issuer says, unless something newer is known. Never refused.

    The same again changes nothing: a sign-in each day is the audit's business, not the account's.
    """
    held = state.account
    at_ms = context.now_ms if command.at_ms is None else command.at_ms
    if at_ms <= held.signed_in_ms:
        return Outcome()
    said = (command.email, command.name, command.org_id, command.org_role)
    if held.signed_in_ms and said == (held.email, held.name, held.org_id, held.org_role):
        return Outcome()
    event = AccountSet(
        email=command.email,
        name=command.name,
        org_id=command.org_id,
        org_role=command.org_role,
        at_ms=at_ms,
    )
    return Outcome([event])


def hear_standing(state: UserState, command: StandingTold, _context: Context) -> Outcome:
    """Take over what an issuer changed, unless a token from after it is known. Never refused.

    An organisation that the person had not signed in to is no change: the next token says so.
    """
    held = state.account
    if not held.signed_in_ms or command.at_ms < held.signed_in_ms or held.org_id is None:
        return Outcome()
    if command.org_id not in (None, held.org_id):
        return Outcome()
    is_out = command.org_id is None or command.role is None
    org_id = None if is_out else held.org_id
    org_role = None if is_out else command.role
    if (org_id, org_role) == (held.org_id, held.org_role):
        return Outcome()
    event = AccountSet(
        email=held.email, name=held.name, org_id=org_id, org_role=org_role, at_ms=command.at_ms
    )
    return Outcome([event])


# ---------------------------------------------------------------- evolve and rows


def was_set(state: UserState, event: ProfileSet, _stamp: Stamp) -> None:
    """Take the profile over."""
    state.profile = _profile(event)


def _profile(event: ProfileSet) -> Profile:
    return Profile(
        name=event.name,
        bio=event.bio,
        interests=list(event.interests),
        goals=list(event.goals),
        languages=list(event.languages),
        experience=list(event.experience),
    )


def has_account(state: UserState, event: AccountSet, _stamp: Stamp) -> None:
    """Take the account over."""
    state.account = Account(
        email=event.email,
        name=event.name,
        org_id=event.org_id,
        org_role=event.org_role,
        signed_in_ms=event.at_ms,
        since_ms=state.account.since_ms or event.at_ms,
    )


def rows(state: UserState) -> Sequence[Put]:
    """Return the card's row, after either of them changed."""
    return [Put(CARD_LISTING, CARD_POSITION, msgpack.packb(card(state)))]


# ---------------------------------------------------------------- view


def card(state: UserState) -> dict[str, Any]:
    """Return what others see."""
    profile = state.profile
    return {
        "user_id": state.key,
        "name": profile.name or state.account.name or "",
        "bio": profile.bio,
        "interests": list(profile.interests),
        "languages": [asdict(language) for language in profile.languages],
    }


def snapshot(state: UserState, _caller: Caller) -> Mapping[str, Any]:
    """Return everything, for oneself."""
    return {
        "profile": asdict(state.profile),
        "account": asdict(state.account),
        "door": state.door,
    }


def get(state: UserState, _query: GetProfile, context: Context) -> Answer:
    """Return everything, for oneself."""
    return Answer(snapshot(state, context.caller))


def get_card(state: UserState, _query: GetCard, _context: Context) -> Answer:
    """Return the card. Permission has seen what the caller has in common with this person."""
    return Answer(card(state))


def get_taxonomy(_state: UserState, _query: GetTaxonomy, _context: Context) -> Answer:
    """Return the interests that there are."""
    return Answer(taxonomy.plain())
