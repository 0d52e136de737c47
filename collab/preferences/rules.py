"""The rules of preferences. What is so already changes nothing, and every list is bounded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgpack  # type: ignore[import-untyped]
from attrs import define, field

from collab.errors import LimitExceeded, NotFound
from collab.kind import Answer, Ask, Caller, Context, Outcome, Put, Reader, Stamp
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
    Value,
)
from collab.preferences.limits import (
    FAVOURITES_MAX,
    HIDDEN_MAX,
    PREFERENCES_MAX,
    PROJECT_CHATS_MAX,
    PROJECTS_MAX,
)

LISTING = "feedback"


@define
class PreferencesState:
    """What user ``key`` prefers."""

    key: str
    values: dict[str, Value] = field(factory=dict)
    favourites: list[str] = field(factory=list)
    hidden: list[str] = field(factory=list)
    prompt: str = ""
    projects: dict[str, str] = field(factory=dict)  # Id to name, in order of their beginning.
    placed: dict[str, str] = field(factory=dict)  # Chat to project.

    def plain(self) -> dict[str, Any]:
        """Return everything, as its owner sees it."""
        chats: dict[str, list[str]] = {project_id: [] for project_id in self.projects}
        for chat, project_id in self.placed.items():
            chats[project_id].append(chat)
        return {
            "values": dict(self.values),
            "favourites": list(self.favourites),
            "hidden": list(self.hidden),
            "prompt": self.prompt,
            "projects": [
                {"id": project_id, "name": name, "chats": chats[project_id]}
                for project_id, name in self.projects.items()
            ],
        }


# ---------------------------------------------------------------- decide


def role_of(state: PreferencesState, caller: Caller) -> str:
    """Return ``self`` or ``outsider``."""
    return "self" if caller.user_id == state.key else "outsider"


def set_preference(state: PreferencesState, command: SetPreference, _context: Context) -> Outcome:
    """Set one. Raises: LimitExceeded."""
    known = state.values.get(command.name)
    if known == command.value and type(known) is type(command.value):
        return Outcome()
    if command.name not in state.values and len(state.values) >= PREFERENCES_MAX:
        raise LimitExceeded(f"{PREFERENCES_MAX} preferences can be set")
    return Outcome([PreferenceSet(name=command.name, value=command.value)])


def favour(state: PreferencesState, command: FavourModel, _context: Context) -> Outcome:
    """Add a favourite, or take it out. Raises: LimitExceeded."""
    if (command.model in state.favourites) == command.on:
        return Outcome()
    if command.on and len(state.favourites) >= FAVOURITES_MAX:
        raise LimitExceeded(f"there can be {FAVOURITES_MAX} favourites")
    return Outcome([ModelFavoured(model=command.model, on=command.on)])


def hide(state: PreferencesState, command: HideModel, _context: Context) -> Outcome:
    """Hide a model, or show it. Raises: LimitExceeded."""
    if (command.model in state.hidden) == command.on:
        return Outcome()
    if command.on and len(state.hidden) >= HIDDEN_MAX:
        raise LimitExceeded(f"{HIDDEN_MAX} models can be hidden")
    return Outcome([ModelHidden(model=command.model, on=command.on)])


def set_prompt(state: PreferencesState, command: SetPrompt, _context: Context) -> Outcome:
    """Set the prompt, or take it away."""
    return Outcome() if command.text == state.prompt else Outcome([PromptSet(text=command.text)])


def create(state: PreferencesState, command: CreateProject, context: Context) -> Outcome:
    """Begin a project. Raises: LimitExceeded."""
    if len(state.projects) >= PROJECTS_MAX:
        raise LimitExceeded(f"there can be {PROJECTS_MAX} projects")
    project_id = context.new_id()
    return Outcome([ProjectNamed(id=project_id, name=command.name)], {"id": project_id})


def rename(state: PreferencesState, command: RenameProject, _context: Context) -> Outcome:
    """Rename a project. Raises: NotFound."""
    if _name_of(state, command.id) == command.name:
        return Outcome()
    return Outcome([ProjectNamed(id=command.id, name=command.name)])


def remove(state: PreferencesState, command: RemoveProject, _context: Context) -> Outcome:
    """End a project. Raises: NotFound."""
    _name_of(state, command.id)
    return Outcome([ProjectRemoved(id=command.id)])


def place_chat(state: PreferencesState, command: PlaceChat, _context: Context) -> Outcome:
    """Put a chat into a project. Raises: NotFound, LimitExceeded."""
    if command.id is not None:
        _name_of(state, command.id)
    if state.placed.get(command.chat) == command.id:
        return Outcome()
    if command.chat not in state.placed and len(state.placed) >= PROJECT_CHATS_MAX:
        raise LimitExceeded(f"{PROJECT_CHATS_MAX} chats can be in projects")
    return Outcome([ChatPlaced(chat=command.chat, id=command.id)])


def give_feedback(_state: PreferencesState, command: GiveFeedback, context: Context) -> Outcome:
    """Note what the caller thinks of a message, after its chat said that they may read it.

    Raises:
      NotFound: there is no such message for them.
    """
    if context.answer is None:
        question = MayRead(user_id=context.caller.user_id, message_id=command.message_id)
        return Outcome(ask=Ask(command.chat, question))
    given = FeedbackGiven(
        chat=command.chat,
        message_id=command.message_id,
        rating=command.rating,
        text=command.text,
    )
    return Outcome([given])


def _name_of(state: PreferencesState, project_id: str) -> str:
    name = state.projects.get(project_id)
    if name is None:
        raise NotFound(f"there is no project {project_id}")
    return name


# ---------------------------------------------------------------- queries


def get(state: PreferencesState, _query: GetPreferences, _context: Context) -> Answer:
    """Return everything."""
    return Answer(state.plain())


def page_feedback(_state: PreferencesState, query: PageFeedback, context: Context) -> Answer:
    """Return a page of feedback from storage."""

    async def read(reader: Reader) -> object:
        items = await reader.page(
            context.target, LISTING, before=query.before, limit=query.limit + 1
        )
        newest = [{"seq": item.position, **msgpack.unpackb(item.value)} for item in reversed(items)]
        return {"feedback": newest[: query.limit], "more": len(items) > query.limit}

    return Answer(read=read)


# ---------------------------------------------------------------- evolve


def preference_set(state: PreferencesState, event: PreferenceSet, _stamp: Stamp) -> None:
    """Set or drop it."""
    if event.value is None:
        state.values.pop(event.name, None)
    else:
        state.values[event.name] = event.value


def favoured(state: PreferencesState, event: ModelFavoured, _stamp: Stamp) -> None:
    """Add or drop it."""
    (state.favourites.append if event.on else state.favourites.remove)(event.model)


def hidden(state: PreferencesState, event: ModelHidden, _stamp: Stamp) -> None:
    """Add or drop it."""
    (state.hidden.append if event.on else state.hidden.remove)(event.model)


def prompt_set(state: PreferencesState, event: PromptSet, _stamp: Stamp) -> None:
    """Replace it."""
    state.prompt = event.text


def project_named(state: PreferencesState, event: ProjectNamed, _stamp: Stamp) -> None:
    """Add it, or rename it where it stands."""
    state.projects[event.id] = event.name


def project_removed(state: PreferencesState, event: ProjectRemoved, _stamp: Stamp) -> None:
    """Drop it, and where its chats were."""
    del state.projects[event.id]
    state.placed = {chat: at for chat, at in state.placed.items() if at != event.id}


def chat_placed(state: PreferencesState, event: ChatPlaced, _stamp: Stamp) -> None:
    """Move the chat, to the end of its project."""
    state.placed.pop(event.chat, None)
    if event.id is not None:
        state.placed[event.chat] = event.id


def feedback_given(_state: PreferencesState, _event: FeedbackGiven, _stamp: Stamp) -> None:
    """It is in its listing; nothing depends on it."""


def rows(_state: PreferencesState, event: object, stamp: Stamp) -> Sequence[Put]:
    """Return feedback as its row."""
    if not isinstance(event, FeedbackGiven):
        return ()
    held = {
        "chat": event.chat,
        "message_id": event.message_id,
        "rating": event.rating,
        "text": event.text,
        "at_ms": stamp.at_ms,
    }
    return [Put(LISTING, stamp.seq, msgpack.packb(held))]
