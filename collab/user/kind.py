"""``user:ID``: a person's own actor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from collab.kind import Kind, Put, Signal, Stamp, Topic
from collab.permission import noteworthy
from collab.permission.table import permissions_for
from collab.timers import Rang
from collab.user import (
    blocked_guests,
    claiming,
    guest_end,
    invitations,
    reading,
    rules,
    still_guest,
    view,
)
from collab.user.commands import (
    Archive,
    CountItem,
    GetInbox,
    ListItem,
    PageList,
    Pin,
    Read,
    SetDoor,
    UnlistItem,
    Welcome,
)
from collab.user.connections import rules as connecting
from collab.user.connections import view as connected
from collab.user.connections.commands import (
    ConnectionChanged,
    LinkMoved,
    LinkTold,
    PageConnections,
)
from collab.user.notices import rules as noticing
from collab.user.notices.commands import NoticeAdded, NoticesSeen, PageNotices, SeeNotices
from collab.user.profile import rules as profiles
from collab.user.profile.commands import (
    AccountSet,
    GetCard,
    GetProfile,
    GetTaxonomy,
    ProfileSet,
    SetProfile,
    SignedIn,
    StandingTold,
)
from collab.user.state import (
    DoorSet,
    ItemArchived,
    ItemCounted,
    ItemListed,
    ItemPinned,
    ItemRead,
    ItemUnlisted,
    ItemWelcomed,
    UserState,
)

_OF_GUESTS: Final = blocked_guests.GuestShunned | guest_end.GuestRenewed | guest_end.GuestExpired


def _listed(state: UserState, event: ItemListed, stamp: Stamp) -> None:
    rules.listed(state, event, stamp)
    guest_end.was_listed(state, stamp)


def _rows(state: UserState, event: Any, _stamp: Stamp) -> Sequence[Put]:
    return profiles.rows(state) if isinstance(event, ProfileSet | AccountSet) else ()


def _signals_of(state: UserState, event: Any, stamp: Stamp) -> Sequence[Signal]:
    if isinstance(event, LinkMoved):
        return [*connecting.signals_of(state, event), *blocked_guests.signals_of_block(event)]
    if isinstance(event, ItemWelcomed):
        return invitations.signals_of(state, event)
    if isinstance(event, ItemListed | claiming.GuestClaimed | _OF_GUESTS):
        return [
            *claiming.signals_of(state, event),
            *(() if isinstance(event, ItemListed) else blocked_guests.signals_of(state, event)),
            *guest_end.signals_of(state, event, stamp),
        ]
    return ()


USER: Final = Kind(
    name="user",
    new_state=UserState,
    commands={
        Pin: rules.pin,
        Archive: rules.archive,
        Read: reading.read,
        Welcome: invitations.welcome,
        SetDoor: invitations.set_door,
        SeeNotices: noticing.see,
        SetProfile: profiles.set_profile,
        **connecting.COMMANDS,
    },
    queries={
        PageList: view.page,
        GetInbox: view.inbox,
        PageNotices: noticing.page,
        PageConnections: connected.page,
        GetProfile: profiles.get,
        GetCard: profiles.get_card,
        GetTaxonomy: profiles.get_taxonomy,
    },
    signals={
        ListItem: rules.list_item,
        UnlistItem: rules.unlist_item,
        CountItem: reading.count,
        LinkTold: connecting.hear,
        SignedIn: profiles.sign_in,
        StandingTold: profiles.hear_standing,
        claiming.BeClaimed: claiming.be_claimed,
        claiming.Adopt: claiming.adopt,
        blocked_guests.ShunGuest: blocked_guests.shun,
        blocked_guests.GuestIs: blocked_guests.guest_is,
        guest_end.RenewGuest: guest_end.renewed,
        still_guest.AskGuest: still_guest.answer,
        Rang: guest_end.rang,
    },
    events={
        ItemListed: _listed,
        ItemUnlisted: rules.unlisted,
        ItemPinned: rules.was_pinned,
        ItemArchived: rules.was_archived,
        ItemCounted: reading.counted,
        ItemRead: reading.was_read,
        ItemWelcomed: invitations.welcomed,
        DoorSet: invitations.door_set,
        NoticeAdded: noticing.added,
        NoticesSeen: noticing.seen,
        LinkMoved: connecting.moved,
        ConnectionChanged: connecting.changed,
        ProfileSet: profiles.was_set,
        AccountSet: profiles.has_account,
        claiming.GuestClaimed: claiming.was_claimed,
        claiming.GuestAdopted: claiming.has_adopted,
        blocked_guests.GuestShunned: blocked_guests.was_shunned,
        guest_end.GuestRenewed: guest_end.set_timer,
        guest_end.GuestExpired: guest_end.has_expired,
    },
    topics={
        "list": Topic(
            events=(
                ItemListed,
                ItemUnlisted,
                ItemPinned,
                ItemArchived,
                ItemCounted,
                ItemRead,
                ItemWelcomed,
            ),
            snapshot=view.snapshot,
        ),
        "notices": Topic(events=(NoticeAdded, NoticesSeen), snapshot=noticing.snapshot),
        "connections": Topic(events=(ConnectionChanged,), snapshot=connected.snapshot),
        "profile": Topic(
            events=(ProfileSet, AccountSet, DoorSet, *claiming.EVENTS), snapshot=profiles.snapshot
        ),
    },
    role_of=rules.role_of,
    permissions=permissions_for("user"),
    audited_signals=noteworthy.USER_SIGNALS,
    rows=_rows,
    signals_of=_signals_of,
    study=reading.study,
)
