"""What a chat and a meeting do, said a second time: small, slow, without the product's code.

Both models take ``(user, op, args, key)`` and say what the answer must be and what the history is
afterwards. Written from ``docs/spec.md`` (sections V, C, M, R); the meeting is in
``reference_meeting``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final

from attrs import define, field, frozen


class Refusal(Exception):
    """The model refuses; its text is the code."""


@frozen
class Happened:
    """One event of the model's history."""

    topic: str
    tag: str
    by: str
    shuts_out: str | None = None  # A user; "*": whoever may not read any more.
    concludes: bool = False


_Answer = tuple[str, Any, int]  # op, value, seq


@define
class Target:
    """What chats and meetings have in common: history, dedupe, permission, cursors, messages."""

    history: list[Happened] = field(factory=list)
    answers: dict[tuple[str, str], _Answer] = field(factory=dict)
    messages: dict[int, dict[str, Any]] = field(factory=dict)  # By id; the text, its author.

    owner: str = ""

    OPS: ClassVar[Mapping[str, str]] = MappingProxyType({})  # Action -> names of roles.

    @property
    def seq(self) -> int:
        return len(self.history)

    def role(self, user: str) -> str:
        raise NotImplementedError

    def may(self, user: str, action: str) -> bool:
        """Say whether *user* may do *action* now."""
        return self.role(user) in self.OPS.get(action, "").split()

    def do(self, user: str, op: str, args: Mapping[str, Any], key: str | None) -> Any:
        """Return the answer to a write.

        Raises:
          Refusal: nothing happened.
        """
        if key is not None and op not in ("transcript.add", "notes.edit"):
            first = self.answers.get((user, key))
            if first is not None:
                if first[0] != op:
                    raise Refusal("conflict")
                return first[1]
        else:
            key = None
        if not self.may(user, op):
            raise Refusal("permission_denied")
        before = self.seq
        value = getattr(self, op.replace(".", "_"))(user, **args)
        if key is not None and self.seq > before:
            self.answers[user, key] = (op, value, self.seq)
        return value

    def happen(self, topic: str, tag: str, by: str, **more: Any) -> int:
        """Append an event; return its seq."""
        self.history.append(Happened(topic, tag, by, **more))
        return self.seq

    def reads(self, user: str, topics: frozenset[str]) -> bool:
        return all(self.may(user, f"read:{topic}") for topic in topics)

    # Messages.

    def messages_post(self, user: str, text: str) -> Any:
        seq = self.happen("messages", "message.posted", user)
        self.messages[seq] = {"author": user, "text": text, "is_deleted": False, "likes": []}
        return {"id": seq}

    def _message(self, message_id: int) -> dict[str, Any]:
        if message_id not in self.messages:
            raise Refusal("not_found")
        return self.messages[message_id]

    def messages_edit(self, user: str, id: int, text: str) -> None:
        message = self._message(id)
        if message["author"] != user:
            raise Refusal("permission_denied")
        if message["is_deleted"]:
            raise Refusal("conflict")
        if message["text"] != text:
            self.happen("messages", "message.edited", user)
            message["text"] = text

    def messages_delete(self, user: str, id: int) -> None:
        message = self._message(id)
        if message["author"] != user:
            raise Refusal("permission_denied")
        self._delete(user, message)

    def messages_delete_any(self, user: str, id: int) -> None:
        self._delete(user, self._message(id))

    def _delete(self, user: str, message: dict[str, Any]) -> None:
        if not message["is_deleted"]:
            self.happen("messages", "message.deleted", user)
            message.update(is_deleted=True, text=None, likes=[])

    def messages_react(self, user: str, id: int, emoji: str, on: bool) -> None:  # noqa: ARG002
        message = self._message(id)
        if message["is_deleted"]:
            raise Refusal("conflict")
        if (user in message["likes"]) is not on:
            self.happen("messages", "message.reacted", user)
            likes: list[str] = message["likes"]
            if on:
                likes.append(user)
            else:
                likes.remove(user)


_WRITERS: Final = "owner editor"
_READERS: Final = "owner editor viewer public"
_CHAT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "chat.create": "founder",
        **dict.fromkeys(("chat.rename", "messages.post", "messages.edit"), _WRITERS),
        **dict.fromkeys(("messages.delete", "messages.react"), _WRITERS),
        **dict.fromkeys(("chat.publish", "chat.transfer", "chat.delete"), "owner"),
        **dict.fromkeys(("members.add", "members.remove", "members.set_role"), "owner"),
        "messages.delete_any": "owner",
        "members.leave": "owner editor viewer",
        **dict.fromkeys(("read:state", "read:messages"), _READERS),
        "read:members": "owner editor viewer",
        "messages.page": _READERS + " gone",
    }
)


@define
class Chat(Target):
    """One chat."""

    title: str = ""
    is_public: bool = False
    is_created: bool = False
    is_deleted: bool = False
    members: dict[str, str] = field(factory=dict)

    OPS: ClassVar[Mapping[str, str]] = _CHAT

    def role(self, user: str) -> str:
        if not self.is_created:
            return "founder"
        if self.is_deleted:
            return "gone"
        return self.members.get(user, "public" if self.is_public else "outsider")

    def chat_create(self, user: str, title: str) -> Any:
        self.happen("state", "chat.created", user)
        self.is_created, self.title, self.members = True, title, {user: "owner"}
        self.owner = user
        return ...  # Anything: it shows the clock.

    def chat_rename(self, user: str, title: str) -> None:
        if title != self.title:
            self.happen("state", "chat.renamed", user)
            self.title = title

    def chat_publish(self, user: str, on: bool) -> None:
        if on is not self.is_public:
            self.happen("state", "chat.published", user, shuts_out=None if on else "*")
            self.is_public = on

    def chat_delete(self, user: str) -> None:
        self.happen("state", "chat.deleted", user, shuts_out="*")
        self.is_deleted = True

    def _member(self, user: str) -> str:
        if user not in self.members:
            raise Refusal("not_found")
        return self.members[user]

    def chat_transfer(self, user: str, user_id: str) -> None:
        if self._member(user_id) != "owner":
            self.happen("members", "chat.transferred", user)
            self.members[user], self.members[user_id] = "editor", "owner"
            self.owner = user_id

    def members_add(self, user: str, user_id: str, role: str) -> None:
        held = self.members.get(user_id)
        if held is None:
            self.happen("members", "member.added", user)
            self.members[user_id] = role
        elif held != role:
            raise Refusal("conflict")

    def members_remove(self, user: str, user_id: str) -> None:
        if self._member(user_id) == "owner":
            raise Refusal("conflict")
        self.happen("members", "member.removed", user, shuts_out=user_id)
        del self.members[user_id]

    def members_leave(self, user: str) -> None:
        self.members_remove(user, user)

    def members_set_role(self, user: str, user_id: str, role: str) -> None:
        held = self._member(user_id)
        if held == "owner":
            raise Refusal("conflict")
        if held != role:
            self.happen("members", "member.role_set", user)
            self.members[user_id] = role
