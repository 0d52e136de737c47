"""Does everything that can be asked of the built-in kinds, once, and shows each answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import pytest
import trio
from attrs import define, field, frozen

from protocol.client import Client, SnapshotItem, open_client
from protocol.errors import CallFailed
from tests.collab.notes.pad import Editor
from tests.integration.served import Served

ADMINS: Final = ("root",)
PEOPLE: Final = ("ann", "ben", "cid", "root")
MEETING_TOPICS: Final = ("state", "participants", "transcript", "messages", "notes")
CHAT_TOPICS: Final = ("state", "members", "messages", "notes")


@frozen
class Asked:
    """One call, and its answer as JSON has it."""

    kind: str
    op: str
    args: Mapping[str, Any]
    value: Any


@define(eq=False)
class Tour:
    """What was asked, and what was seen first of each topic: ``(kind, topic, snapshot)``."""

    clients: Mapping[str, Client]
    asked: list[Asked] = field(factory=list)
    snapshots: list[tuple[str, str, Any]] = field(factory=list)
    targets: set[str] = field(factory=set)  # That were looked at.

    async def ask(self, user: str, target: str, op: str, /, **args: Any) -> Any:
        """Call *op* as *user*; return its value."""
        value = await self.clients[user].call(target, op, args)
        self.asked.append(Asked(target.partition(":")[0], op, args, value))
        return value

    async def look(self, user: str, target: str, *topics: str) -> None:
        """Take the snapshot of *topics* as *user*."""
        kind = target.partition(":")[0]
        self.targets.add(target)
        async with self.clients[user].follow(target, topics) as follower:
            first = await anext(follower)
            assert isinstance(first, SnapshotItem)
            self.snapshots += [(kind, name, value) for name, value in first.topics.items()]


@asynccontextmanager
async def touring(served: Served, token_for: Callable[..., str]) -> AsyncIterator[Tour]:
    """Connect everybody: of one organisation, of which root is an admin."""
    async with AsyncExitStack() as stack:
        clients = {}
        for user in PEOPLE:
            role = "admin" if user == "root" else "member"
            token = token_for(user, org_id="acme", org_role=role, ttl_s=900)
            opened = open_client(served.url, token=token, encoding="json")
            clients[user] = await stack.enter_async_context(opened)
        yield Tour(clients)


async def go_everywhere(tour: Tour) -> None:
    """Do all of it."""
    await _people(tour)
    await _meeting(tour)
    await _chat(tour)
    for target in ("meeting:m1", "chat:c1"):
        await _messages(tour, target)
        await _notes(tour, target)
    await _own_list(tour)
    await _preferences(tour)
    await _looks(tour)
    await _endings(tour)
    await _operators(tour)


async def _people(tour: Tour) -> None:
    ask = tour.ask
    await ask(
        "ann",
        "user:ann",
        "profile.set",
        name="Ann",
        bio="Here",
        interests=["software"],
        goals=["learn"],
        languages=[{"tag": "en"}],
        experience=[{"role": "cook", "from_year": 2001}],
    )
    await ask("ann", "user:ann", "profile.get")
    await ask("ben", "user:ann", "profile.card")
    await ask("ann", "user:ann", "profile.taxonomy")
    await ask("ann", "user:ann", "connections.request", user_id="ben")
    await ask("ann", "user:ann", "connections.withdraw", user_id="ben")
    await ask("ben", "user:ben", "connections.request", user_id="ann")
    await _until(tour, "ann", "connections.list", standing="received")
    await ask("ann", "user:ann", "connections.decline", user_id="ben")
    await ask("ben", "user:ben", "connections.request", user_id="cid")
    await _until(tour, "cid", "connections.list", standing="received")
    await ask("cid", "user:cid", "connections.accept", user_id="ben")
    await ask("cid", "user:cid", "connections.remove", user_id="ben")
    await ask("cid", "user:cid", "connections.block", user_id="ben")
    await ask("cid", "user:cid", "connections.unblock", user_id="ben")
    await ask("ben", "user:ben", "user.door", who="known")
    await ask("ben", "user:ben", "user.door", who="everybody")


async def _until(tour: Tour, user: str, op: str, **args: Any) -> None:
    """Ask until there is somebody or something: what others are told takes a moment."""
    with trio.fail_after(5):
        while True:
            answer = await tour.ask(user, f"user:{user}", op, **args)
            if any(isinstance(held, list) and held for held in answer.values()):
                return
            await trio.sleep(0.01)


async def _meeting(tour: Tour) -> None:
    ask, m1 = tour.ask, "meeting:m1"
    people = [{"user_id": "ben", "role": "speaker"}, {"user_id": "cid", "role": "attendee"}]
    await ask("ann", m1, "meeting.schedule", title="Lunch", participants=people)
    await ask("ann", m1, "meeting.update", description="Soup")
    await ask("ann", m1, "meeting.reschedule", planned_start_ms=1, duration_min=5)
    await ask("ann", m1, "participants.set_role", user_id="cid", role="transcriber")
    await ask("ben", m1, "participants.join")
    await ask("cid", m1, "participants.leave")
    await ask("ann", m1, "participants.invite", user_id="cid", role="attendee")
    await ask("cid", m1, "participants.join")
    await ask("ann", m1, "meeting.start")
    chunk = {"provider": "p", "segment": "s1", "speaker": "ann", "start_ms": 0, "end_ms": 900}
    await ask("ann", m1, "transcript.add", **chunk, text="hello", confidence=0.5, language="en")
    more = [{**chunk, "segment": "s2", "text": "you"}, {**chunk, "text": "too late"}]
    await ask("ann", m1, "transcript.add_many", chunks=more)
    await ask("ann", m1, "transcript.page")
    await ask("ann", m1, "transcript.range", start_ms=0, end_ms=1000)
    await ask("ann", m1, "participants.list")
    await ask("ben", m1, "people.cards", user_ids=["ann", "cid"])
    await ask("ann", m1, "participants.remove", user_id="cid")
    await ask("ann", m1, "meeting.get")
    await tour.look("ann", m1, *MEETING_TOPICS)
    await tour.look("ben", m1, *MEETING_TOPICS)


async def _chat(tour: Tour) -> None:
    ask, c1 = tour.ask, "chat:c1"
    await ask("ann", c1, "chat.create", title="Talk", model="m", system_prompt="Be kind.")
    await ask("ann", c1, "chat.rename", title="Talk more")
    await ask("ann", c1, "chat.update", project="p1")
    await ask("ann", c1, "chat.publish", on=True)
    await ask("ann", c1, "chat.publish", on=False)
    await ask("ann", c1, "members.add", user_id="ben")
    await ask("ann", c1, "members.add", user_id="cid")
    await ask("ann", c1, "members.set_role", user_id="cid", role="viewer")
    await ask("ann", c1, "members.remove", user_id="cid")
    first = await ask("ann", c1, "messages.post", text="one")
    await ask("ann", c1, "messages.post", text="two")
    await ask("ann", c1, "chat.branch", message_id=first["id"])
    await ask("ann", c1, "chat.branches")
    await ask("ben", c1, "people.cards", user_ids=["ann"])
    await ask("ann", c1, "chat.get")
    await tour.look("ann", c1, *CHAT_TOPICS)


async def _messages(tour: Tour, target: str) -> None:
    ask = tour.ask
    parts = [
        {"type": "text", "text": "see"},
        {"type": "image", "url": "https://example.org/a.png"},
        {"type": "file", "file_id": "f1", "name": "a.txt", "size_bytes": 3},
        {"type": "tool_call", "call_id": "t1", "name": "add", "arguments": {"a": [1, None]}},
        {"type": "tool_result", "call_id": "t1", "result": {"sum": 1.5}},
        {"type": "reasoning", "text": "hm"},
    ]
    posted = await ask("ann", target, "messages.post", parts=parts, role="assistant")
    mine = await ask("ben", target, "messages.post", text="hi", reply_to=posted["id"])
    await ask("ann", target, "messages.edit", id=posted["id"], text="look")
    await ask("ben", target, "messages.react", id=posted["id"], emoji="+")
    await ask("ann", target, "messages.page")
    await ask("ann", target, "messages.page", leaf=mine["id"])
    await ask("ann", target, "messages.get", id=posted["id"])
    await ask("ann", target, "messages.history", id=posted["id"])
    await ask("ben", target, "messages.delete", id=mine["id"])
    await ask("ann", target, "messages.delete_any", id=posted["id"])
    await tour.look("ann", target, "messages")


async def _notes(tour: Tour, target: str) -> None:
    ask = tour.ask
    ours, theirs = Editor(1), Editor(1)
    await ask("ann", target, "notes.edit", update=ours.write(0, "hello \N{GRINNING FACE}"))
    named = await ask("ann", target, "notes.name_version", name="first")
    await ask("ann", target, "notes.undo")
    await ask("ann", target, "notes.redo")
    await ask("ann", target, "notes.restore", seq=0)
    await ask("ann", target, "notes.import", markdown="# Title", root="page")
    theirs.take(ours.whole())
    for words in ("lost ", "found "):
        theirs.write(0, words)
        with pytest.raises(CallFailed, match="notes_foreign_client"):
            await ask("ben", target, "notes.edit", update=theirs.whole())
    kept = await ask("ben", target, "notes.branches")
    first, *others = [branch["id"] for branch in kept["branches"]]
    await ask("ben", target, "notes.branch", id=first)
    await ask("ben", target, "notes.merge_branch", id=first)
    for branch_id in others:
        await ask("ben", target, "notes.discard_branch", id=branch_id)
    await ask("ann", target, "notes.sync")
    await ask("ann", target, "notes.versions")
    await ask("ann", target, "notes.moments")
    await ask("ann", target, "notes.at", seq=named["seq"])
    await ask("ann", target, "notes.authors", root="t")
    await ask("ann", target, "notes.export", root="t")
    await tour.look("ann", target, "notes")


async def _own_list(tour: Tour) -> None:
    ask, me = tour.ask, "user:ben"
    await _until(tour, "ben", "user.list")
    await ask("ben", me, "user.pin", target="chat:c1")
    await ask("ben", me, "user.archive", target="meeting:m1")
    await ask("ben", me, "user.welcome", target="chat:c1")
    await ask("ben", me, "user.read", target="chat:c1")
    await ask("ben", me, "user.inbox")
    await _until(tour, "ben", "notices.list")
    await ask("ben", me, "notices.see")
    await ask("ann", "quota:ann", "quota.get")


async def _preferences(tour: Tour) -> None:
    ask, mine = tour.ask, "preferences:ann"
    await ask("ann", mine, "preferences.set", name="theme", value="dark")
    await ask("ann", mine, "models.favour", model="m1")
    await ask("ann", mine, "models.hide", model="m2")
    await ask("ann", mine, "prompt.set", text="Be brief.")
    project = await ask("ann", mine, "projects.create", name="Work")
    await ask("ann", mine, "projects.rename", id=project["id"], name="Play")
    await ask("ann", mine, "projects.place", chat="chat:c1", id=project["id"])
    await ask("ann", mine, "preferences.get")
    await ask("ann", mine, "projects.remove", id=project["id"])
    posted = await ask("ann", "chat:c1", "messages.post", text="rate me")
    given = {"chat": "chat:c1", "message_id": posted["id"], "rating": "up", "text": "good"}
    await ask("ann", mine, "feedback.give", **given)
    await ask("ann", mine, "feedback.page")
    await tour.look("ann", mine, "preferences")
    await ask("ann", "keys:ann", "keys.set", provider="p", secret="not-a-secret-0123456789")
    await ask("ann", "keys:ann", "keys.list")
    await ask("ann", "keys:ann", "keys.remove", provider="p")
    await tour.look("ann", "keys:ann", "keys")


async def _looks(tour: Tour) -> None:
    """See everything once more, now that there is something of everything."""
    for user in ("ann", "ben"):
        await tour.look(user, f"user:{user}", "list", "notices", "connections", "profile")
    await tour.look("ann", "quota:ann", "quota")
    await tour.look("ben", "meeting:m1", *MEETING_TOPICS)
    await tour.look("ben", "chat:c1", *CHAT_TOPICS)


async def _endings(tour: Tour) -> None:
    ask = tour.ask
    await ask("ann", "meeting:m1", "meeting.transfer", user_id="ben")
    await ask("ben", "meeting:m1", "meeting.end")
    await ask("ann", "meeting:m2", "meeting.schedule", title="Never")
    await ask("ann", "meeting:m2", "meeting.cancel")
    await tour.look("ann", "meeting:m2", "state")
    await ask("ann", "chat:c1", "chat.transfer", user_id="ben")
    await ask("ann", "chat:c1", "members.leave")
    await ask("ben", "chat:c1", "chat.delete")


async def _operators(tour: Tour) -> None:
    ask = tour.ask
    await ask("root", "flags:test", "flags.set", name="new", value=7, reason="to try it")
    await ask("root", "flags:test", "flags.list")
    await ask("ann", "flags:test", "flags.mine")
    await ask("root", "flags:test", "flags.remove", name="new", reason="tried")
    await tour.look("root", "flags:test", "rules", "flags")
    await ask("root", "timers:0", "timers.list")
    await ask("root", "timers:0", "timers.cancel", target="meeting:m1", name="none")
    await ask("root", "audit:acme", "audit.page")
