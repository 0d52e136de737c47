"""What a person may ask of their preferences, and what happens to them. Tags never change."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

from attrs import field, frozen
from attrs.validators import and_, ge, in_, le, matches_re

from collab.limits import (
    MODEL_LEN_MAX,
    NAME_LEN_MAX,
    PAGE_LIMIT_DEFAULT,
    PAGE_LIMIT_MAX,
    SYSTEM_PROMPT_LEN_MAX,
)
from collab.messages.checks import identifier, number, place, user_id, words
from collab.preferences.limits import (
    FEEDBACK_TEXT_LEN_MAX,
    PREFERENCE_NAME_LEN_MAX,
    PREFERENCE_TEXT_LEN_MAX,
)
from protocol.limits import KEY_LEN_MAX

Value = bool | int | float | str
_CHAT: Final = rf"chat:[A-Za-z0-9!$()*+,.:;=@^_|~-]{{1,{KEY_LEN_MAX}}}"


def _model() -> Any:
    return words(MODEL_LEN_MAX, len_min=1)


@frozen(kw_only=True)
class SetPreference:
    """Set a preference, or take it away (``value=None``). What clients name and mean is theirs."""

    TAG: ClassVar[str] = "preferences.set"

    name: str = identifier(PREFERENCE_NAME_LEN_MAX)
    value: Value | None

    def __attrs_post_init__(self) -> None:
        if isinstance(self.value, str) and len(self.value) > PREFERENCE_TEXT_LEN_MAX:
            raise ValueError(f"value must have at most {PREFERENCE_TEXT_LEN_MAX} characters")


@frozen(kw_only=True)
class FavourModel:
    """Put a model among one's favourites, at the end, or take it out (``on=False``)."""

    TAG: ClassVar[str] = "models.favour"

    model: str = _model()
    on: bool = True


@frozen(kw_only=True)
class HideModel:
    """Hide a model from one's lists, or show it again (``on=False``)."""

    TAG: ClassVar[str] = "models.hide"

    model: str = _model()
    on: bool = True


@frozen(kw_only=True)
class SetPrompt:
    """What assistants are told in all of one's chats that have no prompt of their own."""

    TAG: ClassVar[str] = "prompt.set"

    text: str = words(SYSTEM_PROMPT_LEN_MAX)


@frozen(kw_only=True)
class CreateProject:
    """Begin a group of chats. Answered with ``{"id"}``."""

    TAG: ClassVar[str] = "projects.create"

    name: str = words(NAME_LEN_MAX, len_min=1)


@frozen(kw_only=True)
class RenameProject:
    """Give it another name."""

    TAG: ClassVar[str] = "projects.rename"

    id: str = identifier()
    name: str = words(NAME_LEN_MAX, len_min=1)


@frozen(kw_only=True)
class RemoveProject:
    """End a project; its chats stay, in none."""

    TAG: ClassVar[str] = "projects.remove"

    id: str = identifier()


@frozen(kw_only=True)
class PlaceChat:
    """Put a chat into a project, out of the one it was in, or into none (``id=None``).

    A project is one person's view, like a pin: nobody else's chat moves.
    """

    TAG: ClassVar[str] = "projects.place"

    chat: str = field(validator=matches_re(_CHAT))
    id: str | None = identifier(default=None)


@frozen(kw_only=True)
class GiveFeedback:
    """Say what one thinks of a message in a chat that one may read; again: instead of before."""

    TAG: ClassVar[str] = "feedback.give"

    chat: str = field(validator=matches_re(_CHAT))
    message_id: int = place()
    rating: Literal["up", "down"] = field(validator=in_(("up", "down")))
    text: str = words(FEEDBACK_TEXT_LEN_MAX, default="")


@frozen(kw_only=True)
class GetPreferences:
    """Everything but feedback."""

    TAG: ClassVar[str] = "preferences.get"


@frozen(kw_only=True)
class PageFeedback:
    """One's own feedback, newest first: ``{"feedback", "more"}``; ``before`` is a ``seq``."""

    TAG: ClassVar[str] = "feedback.page"

    before: int | None = place(default=None)
    limit: int = field(default=PAGE_LIMIT_DEFAULT, validator=and_(ge(1), le(PAGE_LIMIT_MAX)))


@frozen(kw_only=True)
class MayRead:
    """To a chat, from within the server: may this person read this message?"""

    TAG: ClassVar[str] = "chat.may_read"

    user_id: str = user_id()
    message_id: int = number(1, 2**53 - 1)


# ---------------------------------------------------------------- events


@frozen(kw_only=True)
class PreferenceSet:
    """A preference is this, or no more (None)."""

    TAG: ClassVar[str] = "preference.set"

    name: str
    value: Value | None


@frozen(kw_only=True)
class ModelFavoured:
    """A model is, or is not, among the favourites."""

    TAG: ClassVar[str] = "model.favoured"

    model: str
    on: bool


@frozen(kw_only=True)
class ModelHidden:
    """A model is, or is not, hidden."""

    TAG: ClassVar[str] = "model.hidden"

    model: str
    on: bool


@frozen(kw_only=True)
class PromptSet:
    """The prompt for assistants; empty: none."""

    TAG: ClassVar[str] = "prompt.changed"

    text: str


@frozen(kw_only=True)
class ProjectNamed:
    """There is a project of that name: a new one, or one that had another."""

    TAG: ClassVar[str] = "project.named"

    id: str
    name: str


@frozen(kw_only=True)
class ProjectRemoved:
    """A project is no more; its chats are in none."""

    TAG: ClassVar[str] = "project.removed"

    id: str


@frozen(kw_only=True)
class ChatPlaced:
    """A chat is in a project, or in none (None)."""

    TAG: ClassVar[str] = "project.chat_placed"

    chat: str
    id: str | None


@frozen(kw_only=True)
class FeedbackGiven:
    """What a person thinks of a message."""

    TAG: ClassVar[str] = "feedback.given"

    chat: str
    message_id: int
    rating: str
    text: str
