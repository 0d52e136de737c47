"""Answers about a person's own list, notices, connections and profile."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NotRequired, TypedDict

from collab.kind import Tagged
from collab.user import commands
from collab.user.connections import commands as connecting
from collab.user.notices import commands as noticing
from collab.user.profile import cards
from collab.user.profile import commands as profiles
from collab.user.profile.shapes import Account, Language, Profile

Door = Literal["everybody", "known"]
LinkStanding = Literal["none", "connected", "sent", "received", "blocked"]


class ListedItem(TypedDict):
    """One of my meetings or chats, and my own marks on it. ``unread``: messages that wait."""

    target: str
    kind: Literal["meeting", "chat"]
    title: str
    status: str
    role: str
    planned_start_ms: int | None
    at_ms: int
    pinned_ms: int | None
    archived_ms: int | None
    standing: Literal["invited", "joined"]
    invited_by: str | None
    is_request: bool
    unread: int


class ListPage(TypedDict):
    """Newest first. ``cursor``: give it as ``before`` to go on; null: that was all."""

    items: list[ListedItem]
    more: bool
    cursor: str | None


class ListSnapshot(ListPage):
    """The first page, and everything that is pinned."""

    pinned: list[ListedItem]


class Inbox(TypedDict):
    """How much waits for me, in numbers."""

    unread: int
    unread_items: int
    invitations: int
    requests: int
    unseen: int
    asking: int
    door: Door


class DoorIs(TypedDict):
    """Who may invite me."""

    who: Door


class Unseen(TypedDict):
    """How many notices are not seen."""

    unseen: int


class NoticeShown(TypedDict):
    """Something that I should know of."""

    id: int
    at_ms: int
    about: str
    user_id: str | None
    target: str | None
    title: str | None
    role: str | None


class NoticesPage(TypedDict):
    """Notices, newest first. Those up to ``seen_id`` are seen."""

    notices: list[NoticeShown]
    more: bool
    unseen: int
    seen_id: int


class Card(TypedDict):
    """What others see of a person."""

    user_id: str
    name: str
    bio: str
    interests: list[str]
    languages: list[Language]


class Cards(TypedDict):
    """By user id; who has none is left out."""

    cards: dict[str, Card]


class Connection(TypedDict):
    """Where I stand with somebody, and since when."""

    user_id: str
    standing: LinkStanding
    since_ms: int


class ConnectionShown(Connection):
    """With the person's card, where I may see it; null: they have said nothing of themselves."""

    card: NotRequired[Card | None]


class ConnectionsPage(TypedDict):
    """People, by user id."""

    people: list[ConnectionShown]
    more: bool


class ConnectionsSnapshot(TypedDict):
    """The first page of each standing, without cards."""

    connected: ConnectionsPage
    sent: ConnectionsPage
    received: ConnectionsPage
    blocked: ConnectionsPage


class OwnProfile(TypedDict):
    """All of one's own profile, and the account that one signed in with."""

    profile: Profile
    account: Account
    door: Door


class Interest(TypedDict):
    """One interest. The id is stored; the label is for people."""

    id: str
    label: str


class InterestGroup(Interest):
    """Interests that belong together."""

    interests: list[Interest]


class Taxonomy(TypedDict):
    """The interests that there are."""

    version: int
    groups: list[InterestGroup]


ANSWERS: Final[Mapping[type[Tagged], Any]] = MappingProxyType(
    {
        commands.Pin: ListedItem,
        commands.Archive: ListedItem,
        commands.Read: ListedItem,
        commands.Welcome: ListedItem,
        commands.SetDoor: DoorIs,
        commands.PageList: ListPage,
        commands.GetInbox: Inbox,
        noticing.SeeNotices: Unseen,
        noticing.PageNotices: NoticesPage,
        connecting.RequestConnection: Connection,
        connecting.AcceptConnection: Connection,
        connecting.DeclineConnection: Connection,
        connecting.WithdrawConnection: Connection,
        connecting.RemoveConnection: Connection,
        connecting.BlockPerson: Connection,
        connecting.UnblockPerson: Connection,
        connecting.PageConnections: ConnectionsPage,
        profiles.SetProfile: Profile,
        profiles.GetProfile: OwnProfile,
        profiles.GetCard: Card,
        profiles.GetTaxonomy: Taxonomy,
        cards.GetCards: Cards,
    }
)
