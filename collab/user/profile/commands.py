"""What a person asks of their profile, what sign-in tells, and what happens."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen
from attrs.validators import max_len, optional

from collab.limits import (
    BIO_LEN_MAX,
    EMAIL_LEN_MAX,
    EXPERIENCE_MAX,
    GOAL_LEN_MAX,
    GOALS_MAX,
    ID_LEN_MAX,
    INTERESTS_MAX,
    LANGUAGES_MAX,
    NAME_LEN_MAX,
)
from collab.messages.checks import SEQ_MAX, number, words
from collab.user.profile.shapes import Experience, Language


def _check_distinct(name: str, values: list[str]) -> None:
    if len(set(values)) != len(values):
        raise ValueError(f"{name} names something twice")


@frozen(kw_only=True)
class SetProfile:
    """Change what is given; lists are replaced as a whole. Answered with the profile.

    Interests are ids of the taxonomy; languages are BCP 47 tags, kept in their usual spelling.
    """

    TAG: ClassVar[str] = "profile.set"

    name: str | None = words(NAME_LEN_MAX, default=None)
    bio: str | None = words(BIO_LEN_MAX, default=None)
    interests: list[str] | None = field(default=None, validator=optional(max_len(INTERESTS_MAX)))
    goals: list[str] | None = field(default=None, validator=optional(max_len(GOALS_MAX)))
    languages: list[Language] | None = field(
        default=None, validator=optional(max_len(LANGUAGES_MAX))
    )
    experience: list[Experience] | None = field(
        default=None, validator=optional(max_len(EXPERIENCE_MAX))
    )

    def __attrs_post_init__(self) -> None:
        _check_distinct("interests", self.interests or [])
        _check_distinct("goals", self.goals or [])
        _check_distinct("languages", [spoken.tag.lower() for spoken in self.languages or []])
        for goal in self.goals or ():
            if not 1 <= len(goal) <= GOAL_LEN_MAX:
                raise ValueError(f"a goal has 1 to {GOAL_LEN_MAX} characters")
            goal.encode()  # Half a surrogate pair raises UnicodeEncodeError, a ValueError.


@frozen(kw_only=True)
class GetProfile:
    """All of one's own profile, and the account that one signed in with."""

    TAG: ClassVar[str] = "profile.get"


@frozen(kw_only=True)
class GetCard:
    """The person's card, for connections and people of the same organisation."""

    TAG: ClassVar[str] = "profile.card"


@frozen(kw_only=True)
class GetTaxonomy:
    """The interests that there are: ``{"version", "groups"}``."""

    TAG: ClassVar[str] = "profile.taxonomy"


@frozen(kw_only=True)
class SignedIn:
    """Signal: what an issuer says of this person. The newest ``at_ms`` wins; may come twice.

    The first one makes the account; later ones update e-mail, organisation and role.
    """

    TAG: ClassVar[str] = "user.signed_in"

    email: str | None = words(EMAIL_LEN_MAX, default=None)
    name: str | None = words(NAME_LEN_MAX, default=None)
    org_id: str | None = words(ID_LEN_MAX, default=None)
    org_role: str | None = words(ID_LEN_MAX, default=None)
    at_ms: int | None = number(1, SEQ_MAX, default=None)  # When the issuer said so; None: now.


@frozen(kw_only=True)
class StandingTold:
    """Signal: what an issuer told of this person since their token was signed. May come twice.

    Without *org_id*: they were removed. Without *role*: they left that organisation.
    """

    TAG: ClassVar[str] = "user.standing_told"

    org_id: str | None = words(ID_LEN_MAX, default=None)
    role: str | None = words(ID_LEN_MAX, default=None)
    at_ms: int = number(0, SEQ_MAX)  # The issuer's clock.


# ---------------------------------------------------------------- events


@frozen(kw_only=True)
class ProfileSet:
    """The profile, all of it, as it is now."""

    TAG: ClassVar[str] = "profile.changed"

    name: str
    bio: str
    interests: list[str]
    goals: list[str]
    languages: list[Language]
    experience: list[Experience]


@frozen(kw_only=True)
class AccountSet:
    """The account as the newest sign-in has it."""

    TAG: ClassVar[str] = "account.changed"

    email: str | None
    name: str | None
    org_id: str | None
    org_role: str | None
    at_ms: int
