"""One target under random commands, its model beside it, and whoever follows it."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Final

import trio
from attrs import define, field

from collab.app import App
from collab.errors import CollabError
from collab.kinds import BUILT_IN
from tests.simulation.reference import Chat, Refusal, Target
from tests.simulation.reference_meeting import Meeting
from tests.simulation.watcher import Watcher

USERS: Final = ("ann", "ben", "cyd", "dan")
_TOPICS: Final[Mapping[str, tuple[str, ...]]] = {
    "chat": ("state", "members", "messages"),
    "meeting": ("state", "participants", "transcript", "messages"),
}
_CLASSES: Final[Mapping[str, Mapping[str, Any]]] = {
    kind.name: {cls.TAG: cls for cls in (*kind.commands, *kind.queries)} for kind in BUILT_IN
}


class Mismatch(Exception):
    """The product and the model disagree."""


@define(eq=False)
class Sequence:
    """One target: its model, what was asked of it, and who follows."""

    model: Target
    target: str
    rng: Random
    asked: list[tuple[str, str, Mapping[str, Any], str]] = field(factory=list)
    watchers: list[Watcher] = field(factory=list)
    log: list[str] = field(factory=list)
    members_at: dict[int, frozenset[str]] = field(factory=dict)  # Of a chat, after each event.

    @property
    def kind(self) -> str:
        return self.target.partition(":")[0]

    async def step(self, app: App) -> None:
        """Do one random thing, and compare."""
        what = self.rng.random()
        if what < 0.1:
            await self._follow(app)
        elif what < 0.15:
            await self._compare_page(app)
        else:
            await self._command(app)

    async def conclude(self, app: App) -> None:
        """End it while people follow, now and then."""
        op = {"chat": "chat.delete", "meeting": "meeting.end"}[self.kind]
        user = self.model.owner
        if self.model.seq and self.model.may(user, op) and self.rng.random() < 0.5:
            await self._compare_command(app, user, op, {}, "the end")

    # ------------------------------------------------------------ commands

    async def _command(self, app: App) -> None:
        rng = self.rng
        if self.asked and rng.random() < 0.25:
            user, op, args, key = rng.choice(self.asked)
            if rng.random() < 0.1:
                user, op, args, _ = self._new()
        else:
            user, op, args, key = self._new()
        self.asked.append((user, op, args, key))
        await self._compare_command(app, user, op, args, key)

    async def _compare_command(
        self, app: App, user: str, op: str, args: Mapping[str, Any], key: str
    ) -> None:
        self.log.append(f"{user} {op} {dict(args)} {key}")
        expected: Any
        try:
            expected = self.model.do(user, op, args, key)
        except Refusal as refusal:
            expected = refusal
        got: Any
        try:
            got = await app.do(self.target, _CLASSES[self.kind][op](**args), user_id=user, key=key)
        except CollabError as refused:
            got = Refusal(refused.code)
        if expected is not ... and repr(got) != repr(expected):
            raise Mismatch(f"answered {got!r}, expected {expected!r}")
        head = await app.store.head(self.target)
        if head.last_seq != self.model.seq:
            raise Mismatch(f"the history has {head.last_seq} events, expected {self.model.seq}")
        if isinstance(self.model, Chat):
            self.members_at.setdefault(self.model.seq, frozenset(self.model.members))

    def _new(self) -> tuple[str, str, Mapping[str, Any], str]:
        """Return a command that has a fair chance: most are the owner's, who begins with it."""
        rng, model = self.rng, self.model
        op = rng.choice(_OPS[self.kind])
        user = rng.choice(USERS)
        if not model.seq:
            op = {"chat": "chat.create", "meeting": "meeting.schedule"}[self.kind]
        elif rng.random() < 0.5:
            user = model.owner
        if isinstance(model, Meeting):
            invited = [who for who in USERS if model.role(who) == "invited"]
            if model.status == "scheduled" and rng.random() < 0.4:
                user, op = model.owner, "meeting.start"
            elif invited and rng.random() < 0.3:
                user, op = rng.choice(invited), "participants.join"
        return user, op, self._args(user, op), f"k{len(self.asked)}"

    def _args(self, user: str, op: str) -> Mapping[str, Any]:
        rng = self.rng
        match op.split("."):
            case [_, "create" | "rename" | "schedule"]:
                return {"title": f"t{rng.randrange(3)}"}
            case ["chat", "publish"]:
                return {"on": rng.random() < 0.5}
            case ["members", "remove"] | ["participants", "remove"] | [_, "transfer"]:
                return {"user_id": rng.choice(USERS)}
            case ["members", "add" | "set_role"]:
                return {"user_id": rng.choice(USERS), "role": rng.choice(("editor", "viewer"))}
            case ["participants", "invite" | "set_role"]:
                roles = ("host", "speaker", "attendee", "transcriber")
                return {"user_id": rng.choice(USERS), "role": rng.choice(roles)}
            case ["messages", "post"]:
                return {"text": f"m{len(self.asked)}"}
            case ["messages", "edit"]:
                return {"id": self._message(), "text": f"e{rng.randrange(3)}"}
            case ["messages", "delete" | "delete_any"]:
                return {"id": self._message()}
            case ["messages", "react"]:
                return {"id": self._message(), "emoji": "+", "on": rng.random() < 0.6}
            case ["transcript", "add"]:
                return self._chunk(user)
        return {}

    def _message(self) -> int:
        ids = list(self.model.messages)
        return (
            self.rng.choice(ids) if ids and self.rng.random() < 0.9 else 1 + self.rng.randrange(9)
        )

    def _chunk(self, user: str) -> Mapping[str, Any]:
        assert isinstance(self.model, Meeting)
        rng = self.rng
        leap_ms = rng.choice((0, 500, 5_000, 20_000, 70_000, 400_000, -30_000, -90_000, -700_000))
        start_ms = max(self.model.watermark_ms + leap_ms, 0)
        if rng.random() < 0.3:  # Near the end of a bucket, before or after it seals.
            start_ms = start_ms // 60_000 * 60_000 + rng.choice((-500, 60_000, 65_000, 72_000))
            start_ms = max(start_ms, 0)
        if rng.random() < 0.03:
            start_ms += 4_000_000
        return {
            "provider": "p",
            "segment": f"s{rng.randrange(5)}",
            "revision": rng.randrange(8),
            "speaker": rng.choice((user, user, *USERS, "somebody")),
            "start_ms": start_ms,
            "end_ms": max(start_ms + rng.choice((0, 1_000, 1_000, 60_000, 61_000, -1)), 0),
            "text": f"w{rng.randrange(4)}",
            "confidence": None,
            "language": None,
            "is_final": rng.random() < 0.2,
        }

    # ------------------------------------------------------------ reading

    async def _compare_page(self, app: App) -> None:
        user = self.rng.choice(USERS)
        op = self.rng.choice(("messages.page", "transcript.page")[: 1 + (self.kind == "meeting")])
        self.log.append(f"{user} {op}")
        is_messages = op == "messages.page"
        query: dict[str, Any] = {"limit": 200} if is_messages else {"after": -1, "limit": 10}
        try:
            got: Any = await app.look(self.target, _CLASSES[self.kind][op](**query), user_id=user)
        except CollabError as refused:
            got = refused.code
        expected: Any
        if not self.model.may(user, op):
            expected = "permission_denied"
        elif isinstance(self.model, Chat) and self.model.is_deleted:
            expected = "not_found"
        elif is_messages:
            expected = [
                (n, m["author"], m["text"], m["is_deleted"], m["likes"])
                for n, m in self.model.messages.items()
            ]
        else:
            assert isinstance(self.model, Meeting)
            expected = self.model.pages()[:10]
        if isinstance(got, Mapping):
            got = _plain_messages(got) if is_messages else _plain_buckets(got)
        if got != expected:
            raise Mismatch(f"page {got}, expected {expected}")

    # ------------------------------------------------------------ following

    async def _follow(self, app: App) -> None:
        rng = self.rng
        topics = frozenset(rng.sample(_TOPICS[self.kind], rng.randint(1, 3)))
        cursor = None if rng.random() < 0.3 else rng.randrange(self.model.seq + 3)
        user = rng.choice(USERS)
        self.log.append(f"{user} follows {sorted(topics)} from {cursor}")
        watcher = Watcher(user, self.target, topics, cursor)
        self.watchers.append(watcher)
        app.gateway.subscribe(watcher)
        with trio.fail_after(5):
            await watcher.answered.wait()
        watcher.began = self.model.seq
        if not self.model.reads(user, topics):
            expected = "permission_denied"
        elif cursor is None:
            expected = "snapshot"
        else:
            expected = "cursor_ahead" if cursor > self.model.seq else "resumed"
        if watcher.answer != expected:
            raise Mismatch(f"follower was answered {watcher.answer}, expected {expected}")
        await self._catch_up(app)

    async def _catch_up(self, app: App) -> None:
        """As the wire does for whoever lags: at first, or because a frame did not fit on."""
        for watcher in self.watchers:
            if watcher.is_behind and not watcher.over:
                watcher.is_behind = False
                await app.gateway.catch_up(watcher)

    async def compare_watchers(self, app: App) -> None:
        """Look at what every follower was shown, once everything was flushed."""
        await self._catch_up(app)
        for watcher in self.watchers:
            self._compare(watcher)
        self.watchers.clear()

    def _compare(self, watcher: Watcher) -> None:
        if watcher.answer == "permission_denied":
            return
        start = watcher.began if watcher.answer != "resumed" else watcher.asked_from
        expected: list[tuple[int, str]] = []
        ending: str | None = None
        for seq in range(start + 1, self.model.seq + 1):
            event = self.model.history[seq - 1]
            is_named = event.shuts_out == watcher.user
            is_shut_out = is_named or (event.shuts_out == "*" and self._is_ended(watcher, seq))
            if seq > watcher.began and is_shut_out:
                ending = "permission_denied"
                break
            if event.topic in watcher.topics:
                expected.append((seq, event.tag))
            if seq > watcher.began and event.concludes:
                ending = "concluded"
                break
        if watcher.shown != expected or watcher.ending != ending:
            raise Mismatch(
                f"{watcher.user} was shown {watcher.shown} and {watcher.ending} of "
                f"{sorted(watcher.topics)} from {start}, expected {expected} and {ending}"
            )

    def _is_ended(self, watcher: Watcher, seq: int) -> bool:
        """Say whether a chat's closing at *seq* shuts out somebody whom it does not name."""
        assert isinstance(self.model, Chat)
        if self.model.history[seq - 1].tag == "chat.deleted":
            return True
        return watcher.user not in self.members_at[seq]


def new_sequence(seed: int, n: int) -> Sequence:
    """Return the *n*th of a batch: meetings and chats take turns."""
    rng = Random(f"model {seed} {n}")
    if n % 2:
        return Sequence(Chat(), f"chat:x{n}", rng)
    return Sequence(Meeting(), f"meeting:x{n}", rng)


def _plain_messages(page: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (
            m["id"],
            m["author"],
            m["parts"][0]["text"] if m["parts"] else None,
            m["is_deleted"],
            m["reactions"].get("+", []),
        )
        for m in page["messages"]
    ]


def _plain_buckets(page: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (
            leaf["position"],
            leaf["is_sealed"],
            [(line["segment"], line["seq"], line["text"]) for line in leaf["lines"]],
        )
        for leaf in page["buckets"]
    ]


_OPS: Final[Mapping[str, tuple[str, ...]]] = {
    "chat": (
        *("messages.post",) * 4,
        *("messages.edit", "messages.delete", "messages.react", "messages.delete_any"),
        *("members.add", "members.remove", "members.set_role", "members.leave") * 2,
        *("chat.rename", "chat.publish", "chat.publish", "chat.transfer"),
    ),
    "meeting": (
        *("transcript.add",) * 10,
        *("participants.invite", "participants.join", "participants.join") * 2,
        *("participants.leave", "participants.remove", "participants.set_role"),
        *("messages.post", "messages.edit", "messages.delete", "messages.react"),
        *("meeting.start", "meeting.start", "meeting.transfer", "messages.delete_any"),
    ),
}
