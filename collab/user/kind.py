"""``user:ID``: a person's own actor."""

from __future__ import annotations

from typing import Final

from collab.kind import Kind, Topic
from collab.permission.table import permissions_for
from collab.user import rules, view
from collab.user.commands import Archive, ListItem, PageList, Pin, UnlistItem
from collab.user.state import ItemArchived, ItemListed, ItemPinned, ItemUnlisted, UserState

USER: Final = Kind(
    name="user",
    new_state=UserState,
    commands={Pin: rules.pin, Archive: rules.archive},
    queries={PageList: view.page},
    signals={ListItem: rules.list_item, UnlistItem: rules.unlist_item},
    events={
        ItemListed: rules.listed,
        ItemUnlisted: rules.unlisted,
        ItemPinned: rules.was_pinned,
        ItemArchived: rules.was_archived,
    },
    topics={
        "list": Topic(
            events=(ItemListed, ItemUnlisted, ItemPinned, ItemArchived), snapshot=view.snapshot
        )
    },
    role_of=rules.role_of,
    permissions=permissions_for("user"),
)
