"""A person's preferences: bounded, live on all devices, nobody else's business."""

from __future__ import annotations

from typing import Any

import pytest

from collab.app import AppSettings, open_app
from collab.chat import CHAT
from collab.chat.commands import AddMember, CreateChat, DeleteChat
from collab.errors import LimitExceeded, NotFound, PermissionDenied
from collab.kinds import BUILT_IN
from collab.messages import DeleteMessage, PostMessage
from collab.preferences import PREFERENCES, with_feedback
from collab.preferences.commands import (
    CreateProject,
    FavourModel,
    GetPreferences,
    GiveFeedback,
    HideModel,
    PageFeedback,
    PlaceChat,
    RemoveProject,
    RenameProject,
    SetPreference,
    SetPrompt,
)
from collab.preferences.limits import (
    FAVOURITES_MAX,
    HIDDEN_MAX,
    PREFERENCES_MAX,
    PROJECT_CHATS_MAX,
    PROJECTS_MAX,
)
from collab.preferences.rules import PreferencesState
from tests.collab.messages.stage import Stage


@pytest.fixture
def mine() -> Stage[PreferencesState]:
    return Stage(PREFERENCES, "ann")


async def shown(mine: Stage[PreferencesState]) -> Any:
    assert mine.snapshot("ann", "preferences") == await mine.look("ann", GetPreferences())
    return mine.snapshot("ann", "preferences")


async def test_values_models_and_the_prompt(mine: Stage[PreferencesState]) -> None:
    """[G1.1] Set, set anew, taken away; what is so already makes no event."""
    commands = [
        SetPreference(name="layout", value="wide"),
        SetPreference(name="compact", value=True),
        SetPreference(name="compact", value=1),
        FavourModel(model="big"),
        FavourModel(model="small"),
        HideModel(model="old"),
        SetPrompt(text="Be brief."),
    ]
    for command in commands:
        mine.do("ann", command)
    seq = mine.seq
    for command in commands[2:]:
        mine.do("ann", command)
    assert mine.seq == seq == len(commands)
    held = await shown(mine)
    assert held["values"] == {"layout": "wide", "compact": 1}
    assert (held["favourites"], held["hidden"]) == (["big", "small"], ["old"])
    assert held["prompt"] == "Be brief."
    for command in (
        SetPreference(name="layout", value=None),
        FavourModel(model="big", on=False),
        HideModel(model="old", on=False),
        SetPrompt(text=""),
    ):
        mine.do("ann", command)
    held = await shown(mine)
    assert held["values"] == {"compact": 1}
    assert (held["favourites"], held["hidden"], held["prompt"]) == (["small"], [], "")


async def test_projects_group_chats(mine: Stage[PreferencesState]) -> None:
    """[G1.2] A chat is in one project or in none; a project that ends leaves its chats."""
    project_id = mine.do("ann", CreateProject(name="Book"))["id"]
    for chat in ("chat:a", "chat:b"):
        mine.do("ann", PlaceChat(chat=chat, id=project_id))
    mine.do("ann", RenameProject(id=project_id, name="The book"))
    (project,) = (await shown(mine))["projects"]
    assert project == {"id": project_id, "name": "The book", "chats": ["chat:a", "chat:b"]}
    mine.do("ann", PlaceChat(chat="chat:a"))
    assert (await shown(mine))["projects"][0]["chats"] == ["chat:b"]
    for command in (RenameProject(id="x", name="n"), RemoveProject(id="x")):
        with pytest.raises(NotFound):
            mine.do("ann", command)
    with pytest.raises(NotFound):
        mine.do("ann", PlaceChat(chat="chat:a", id="x"))
    with pytest.raises(ValueError, match="chat"):
        PlaceChat(chat="meeting:a")
    mine.do("ann", RemoveProject(id=project_id))
    assert (await shown(mine))["projects"] == []
    assert mine.state.placed == {}
    assert mine.replayed() == mine.restored() == mine.state


@pytest.mark.parametrize(
    ("most", "make"),
    [
        (PREFERENCES_MAX, lambda n: SetPreference(name=f"n{n}", value=n)),
        (FAVOURITES_MAX, lambda n: FavourModel(model=f"m{n}")),
        (HIDDEN_MAX, lambda n: HideModel(model=f"m{n}")),
    ],
)
def test_lists_are_bounded(mine: Stage[PreferencesState], most: int, make: Any) -> None:
    """[G1.3] All of it fits one snapshot."""
    for n in range(most):
        mine.do("ann", make(n))
    with pytest.raises(LimitExceeded):
        mine.do("ann", make(most))


def test_projects_are_bounded(mine: Stage[PreferencesState]) -> None:
    """[G1.3] Projects, and the chats in all of them."""
    mine.state.projects = {f"p{n}": "n" for n in range(PROJECTS_MAX)}
    mine.state.placed = {f"chat:{n}": "p0" for n in range(PROJECT_CHATS_MAX)}
    with pytest.raises(LimitExceeded):
        mine.do("ann", CreateProject(name="more"))
    with pytest.raises(LimitExceeded):
        mine.do("ann", PlaceChat(chat="chat:more", id="p0"))
    mine.do("ann", PlaceChat(chat="chat:1", id="p1"))


def test_preferences_are_nobody_elses(mine: Stage[PreferencesState]) -> None:
    """[G1.4] Nobody else reads or changes them."""
    with pytest.raises(PermissionDenied):
        mine.do("eve", SetPrompt(text="x"))
    with pytest.raises(PermissionDenied):
        mine.snapshot("eve", "preferences")


async def test_feedback_is_on_messages_that_one_may_read() -> None:
    """[G1.5] The chat is asked; there, deleted, or not for them: the same answer."""
    kinds = [kind for kind in BUILT_IN if kind.name not in ("chat", "preferences")]
    settings = AppSettings(kinds=[*kinds, with_feedback(CHAT), PREFERENCES])
    async with open_app(None, settings) as app:
        await app.do("chat:c", CreateChat(), user_id="ann")
        await app.do("chat:c", AddMember(user_id="bob", role="viewer"), user_id="ann")
        posted: Any = await app.do("chat:c", PostMessage(text="x"), user_id="ann")
        for rating, text in (("up", ""), ("down", "wrong")):
            given = GiveFeedback(chat="chat:c", message_id=posted["id"], rating=rating, text=text)  # type: ignore[arg-type]
            await app.do("preferences:bob", given, user_id="bob")
        page: Any = await app.look("preferences:bob", PageFeedback(limit=1), user_id="bob")
        (newest,) = page["feedback"]
        assert (newest["rating"], newest["text"], page["more"]) == ("down", "wrong", True)
        rest: Any = await app.look(
            "preferences:bob", PageFeedback(before=newest["seq"]), user_id="bob"
        )
        assert [entry["rating"] for entry in rest["feedback"]] == ["up"]
        given = GiveFeedback(chat="chat:c", message_id=posted["id"], rating="up")
        with pytest.raises(NotFound):
            await app.do("preferences:eve", given, user_id="eve")
        for message_id in (posted["id"] + 1, 2**53 - 1):
            other = GiveFeedback(chat="chat:c", message_id=message_id, rating="up")
            with pytest.raises(NotFound):
                await app.do("preferences:bob", other, user_id="bob")
        await app.do("chat:c", DeleteMessage(id=posted["id"]), user_id="ann")
        with pytest.raises(NotFound):
            await app.do("preferences:bob", given, user_id="bob")
        await app.do("chat:c", DeleteChat(), user_id="ann")
        with pytest.raises(NotFound):
            await app.do("preferences:bob", given, user_id="bob")
