"""What is kept of a person: their profile, their account, and the card that others see."""

from __future__ import annotations

from typing import Any, Final, Literal

from attrs import define, field, frozen
from attrs.validators import in_

from collab.limits import EXPERIENCE_TEXT_LEN_MAX
from collab.messages.checks import number, words
from collab.user.profile.languages import language_tag

LEVELS: Final = ("native", "fluent", "working", "basic")
YEAR_MIN: Final = 1900
YEAR_MAX: Final = 2200


def _is_language(_made: object, attribute: Any, value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{attribute.name} must be text")  # noqa: TRY004 - one error type
    language_tag(value)


@frozen(kw_only=True)
class Language:
    """A language (BCP 47), and how well it is spoken."""

    tag: str = field(validator=_is_language)
    level: Literal["native", "fluent", "working", "basic"] = field(
        default="working", validator=in_(LEVELS)
    )


@frozen(kw_only=True)
class Experience:
    """What somebody did, where, and when. ``to_year`` None: still."""

    role: str = words(EXPERIENCE_TEXT_LEN_MAX, len_min=1)
    place: str = words(EXPERIENCE_TEXT_LEN_MAX, default="")
    from_year: int = number(YEAR_MIN, YEAR_MAX)
    to_year: int | None = number(YEAR_MIN, YEAR_MAX, default=None)

    def __attrs_post_init__(self) -> None:
        if self.to_year is not None and self.to_year < self.from_year:
            raise ValueError("to_year is before from_year")


@define
class Profile:
    """What a person says of themselves."""

    name: str = ""
    bio: str = ""
    interests: list[str] = field(factory=list)  # Ids of the taxonomy.
    goals: list[str] = field(factory=list)
    languages: list[Language] = field(factory=list)
    experience: list[Experience] = field(factory=list)


@define
class Account:
    """What the newest sign-in said. None of it can be changed here."""

    email: str | None = None
    name: str | None = None
    org_id: str | None = None
    org_role: str | None = None
    signed_in_ms: int = 0  # 0: never.
    since_ms: int = 0  # Of the first sign-in.
