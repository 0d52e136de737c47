"""What one can ask of a chat beside its messages, and what happens to it.

Tags are on the wire and in the journal: they never change.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

from attrs import field, frozen
from attrs.validators import in_

from collab.limits import MODEL_LEN_MAX, SYSTEM_PROMPT_LEN_MAX, TITLE_LEN_MAX
from collab.messages.checks import identifier, place, user_id, words

MEMBER_ROLES: Final = ("editor", "viewer")  # What can be given; the owner changes by transfer.


def _member_role() -> Any:
    return field(default="editor", validator=in_(MEMBER_ROLES))


# ---------------------------------------------------------------- commands


@frozen(kw_only=True)
class CreateChat:
    """Bring the chat into being; the caller owns it. Answered as ``chat.get``."""

    TAG: ClassVar[str] = "chat.create"

    title: str = words(TITLE_LEN_MAX, default="")
    model: str | None = words(MODEL_LEN_MAX, len_min=1, default=None)
    system_prompt: str | None = words(SYSTEM_PROMPT_LEN_MAX, len_min=1, default=None)
    project: str | None = identifier(default=None)
    is_public: bool = False


@frozen(kw_only=True)
class RenameChat:
    """Give the chat another title."""

    TAG: ClassVar[str] = "chat.rename"

    title: str = words(TITLE_LEN_MAX, len_min=1)


@frozen(kw_only=True)
class UpdateChat:
    """Change what is given; an empty text takes the setting away."""

    TAG: ClassVar[str] = "chat.update"

    model: str | None = words(MODEL_LEN_MAX, default=None)
    system_prompt: str | None = words(SYSTEM_PROMPT_LEN_MAX, default=None)
    project: str | None = identifier(len_min=0, default=None)

    def __attrs_post_init__(self) -> None:
        if (self.model, self.system_prompt, self.project) == (None, None, None):
            raise ValueError("give at least one of model, system_prompt and project")


@frozen(kw_only=True)
class PublishChat:
    """Turn the public link on or off. Turning it off shuts out whoever came through it."""

    TAG: ClassVar[str] = "chat.publish"

    on: bool


@frozen(kw_only=True)
class DeleteChat:
    """End the chat for everybody, for good."""

    TAG: ClassVar[str] = "chat.delete"


@frozen(kw_only=True)
class TransferChat:
    """Make another member the owner; the caller becomes an editor. One event does both."""

    TAG: ClassVar[str] = "chat.transfer"

    user_id: str = user_id()


@frozen(kw_only=True)
class AddMember:
    """Let somebody in. Adding a member again with the same role changes nothing."""

    TAG: ClassVar[str] = "members.add"

    user_id: str = user_id()
    role: Literal["editor", "viewer"] = _member_role()


@frozen(kw_only=True)
class RemoveMember:
    """Shut a member out, at once."""

    TAG: ClassVar[str] = "members.remove"

    user_id: str = user_id()


@frozen(kw_only=True)
class SetMemberRole:
    """Change what a member may do."""

    TAG: ClassVar[str] = "members.set_role"

    user_id: str = user_id()
    role: Literal["editor", "viewer"] = _member_role()


@frozen(kw_only=True)
class LeaveChat:
    """Leave. The owner transfers the chat first."""

    TAG: ClassVar[str] = "members.leave"


@frozen(kw_only=True)
class BranchChat:
    """Make a message the end of the current branch: what is posted next follows it.

    Naming a message in the middle begins a new branch there, the end of another branch
    switches to that one, 0 begins anew. Nothing is lost: all branches stay.
    """

    TAG: ClassVar[str] = "chat.branch"

    message_id: int = place(low=0)


# ---------------------------------------------------------------- queries


@frozen(kw_only=True)
class GetChat:
    """The chat's settings, and the caller's role."""

    TAG: ClassVar[str] = "chat.get"


@frozen(kw_only=True)
class GetBranches:
    """The ends of all branches: ``{"leaf", "leaves"}``; page one with ``messages.page``."""

    TAG: ClassVar[str] = "chat.branches"


# ---------------------------------------------------------------- events


@frozen(kw_only=True)
class ChatCreated:
    """The chat exists; this event's ``by`` owns it."""

    TAG: ClassVar[str] = "chat.created"

    title: str
    model: str | None = None
    system_prompt: str | None = None
    project: str | None = None
    is_public: bool = False


@frozen(kw_only=True)
class ChatRenamed:
    """It has another title."""

    TAG: ClassVar[str] = "chat.renamed"

    title: str


@frozen(kw_only=True)
class ChatUpdated:
    """Its settings, all of them, as they are now."""

    TAG: ClassVar[str] = "chat.updated"

    model: str | None
    system_prompt: str | None
    project: str | None


@frozen(kw_only=True)
class ChatPublished:
    """Its public link was turned on or off."""

    TAG: ClassVar[str] = "chat.published"

    on: bool


@frozen(kw_only=True)
class ChatDeleted:
    """It is gone."""

    TAG: ClassVar[str] = "chat.deleted"


@frozen(kw_only=True)
class ChatTransferred:
    """``owner_id`` owns it; the owner before is an editor."""

    TAG: ClassVar[str] = "chat.transferred"

    owner_id: str


@frozen(kw_only=True)
class MemberAdded:
    """Somebody is a member."""

    TAG: ClassVar[str] = "member.added"

    user_id: str
    role: str
    by_org: str | None = None  # The organisation of whoever added them.


@frozen(kw_only=True)
class MemberRemoved:
    """Somebody is no member any more: left by themselves if this event's ``by`` says so."""

    TAG: ClassVar[str] = "member.removed"

    user_id: str


@frozen(kw_only=True)
class MemberRoleSet:
    """A member has another role."""

    TAG: ClassVar[str] = "member.role_set"

    user_id: str
    role: str


@frozen(kw_only=True)
class ChatBranched:
    """The current branch ends in this message now (0: nowhere)."""

    TAG: ClassVar[str] = "chat.branched"

    message_id: int
