"""``preferences:USER``: models, prompt, projects and feedback of one person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from attrs import evolve

from collab.errors import NotFound
from collab.kind import Caller, Context, Kind, Outcome, Topic
from collab.messages import MessageLog
from collab.preferences import permissions, rules
from collab.preferences.commands import (
    ChatPlaced,
    CreateProject,
    FavourModel,
    FeedbackGiven,
    GetPreferences,
    GiveFeedback,
    HideModel,
    MayRead,
    ModelFavoured,
    ModelHidden,
    PageFeedback,
    PlaceChat,
    PreferenceSet,
    ProjectNamed,
    ProjectRemoved,
    PromptSet,
    RemoveProject,
    RenameProject,
    SetPreference,
    SetPrompt,
)
from collab.preferences.rules import PreferencesState

S = TypeVar("S")


def _now(state: PreferencesState, _caller: Caller) -> Mapping[str, Any]:
    return state.plain()


def _may_exist(log: MessageLog, message_id: int) -> bool:
    """Say whether there is such a message; of those that left memory, whether there may be."""
    message = log.find(message_id)
    if message is not None:
        return not message.is_deleted
    return bool(log.tail) and message_id < log.tail[0].id


def with_feedback(kind: Kind[S]) -> Kind[S]:
    """Return *kind*, which says of its messages who may read them."""

    def may_read(state: Any, question: MayRead, _context: Context) -> Outcome:
        """Answer whether this person may read this message.

        Raises:
          NotFound: they may not, or it was never posted; which of the two is not said.
        """
        role = kind.role_of(state, Caller(question.user_id))
        is_permitted = "read:messages" in kind.permissions.get(role, frozenset())
        if not is_permitted or not _may_exist(state.messages, question.message_id):
            raise NotFound(f"there is no message {question.message_id}")
        return Outcome(value=True)

    return evolve(kind, signals={**kind.signals, MayRead: may_read})


PREFERENCES: Final = Kind(
    name="preferences",
    new_state=PreferencesState,
    commands={
        SetPreference: rules.set_preference,
        FavourModel: rules.favour,
        HideModel: rules.hide,
        SetPrompt: rules.set_prompt,
        CreateProject: rules.create,
        RenameProject: rules.rename,
        RemoveProject: rules.remove,
        PlaceChat: rules.place_chat,
        GiveFeedback: rules.give_feedback,
    },
    queries={GetPreferences: rules.get, PageFeedback: rules.page_feedback},
    events={
        PreferenceSet: rules.preference_set,
        ModelFavoured: rules.favoured,
        ModelHidden: rules.hidden,
        PromptSet: rules.prompt_set,
        ProjectNamed: rules.project_named,
        ProjectRemoved: rules.project_removed,
        ChatPlaced: rules.chat_placed,
        FeedbackGiven: rules.feedback_given,
    },
    topics={
        "preferences": Topic(
            events=(
                PreferenceSet,
                ModelFavoured,
                ModelHidden,
                PromptSet,
                ProjectNamed,
                ProjectRemoved,
                ChatPlaced,
            ),
            snapshot=_now,
        )
    },
    role_of=rules.role_of,
    permissions=permissions.PREFERENCES,
    rows=rules.rows,
)
