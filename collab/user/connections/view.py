"""What a person sees of their connections: the first page live, the others by user id."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from collab.kind import Answer, Caller, Context, Reader
from collab.limits import PAGE_LIMIT_DEFAULT
from collab.user.connections.commands import PageConnections
from collab.user.connections.link import CONNECTED, RECEIVED, STANDINGS
from collab.user.profile.cards import read_cards
from collab.user.state import UserState


def snapshot(state: UserState, _caller: Caller) -> Mapping[str, Any]:
    """Return the first page of each standing, without cards: ``{standing: {"people", "more"}}``."""
    people: dict[str, list[str]] = {standing: [] for standing in STANDINGS}
    for user_id, link in state.links.items():
        people[link.standing].append(user_id)
    return {
        standing: _page(state, sorted(user_ids), standing, None, PAGE_LIMIT_DEFAULT)
        for standing, user_ids in people.items()
    }


def page(state: UserState, query: PageConnections, _context: Context) -> Answer:
    """Return a page; with the cards of those who are connected, or want to be.

    Whom one asked has not agreed to show anything yet, and whom one blocked has nothing to show.
    """
    user_ids = sorted(who for who, link in state.links.items() if link.standing == query.standing)
    found = _page(state, user_ids, query.standing, query.after, query.limit)
    if query.standing not in (CONNECTED, RECEIVED):
        return Answer(found)

    async def read(reader: Reader) -> object:
        people = found["people"]
        cards = await read_cards(reader, [person["user_id"] for person in people])
        shown = [{**person, "card": cards.get(person["user_id"])} for person in people]
        return {**found, "people": shown}

    return Answer(read=read)


def _page(
    state: UserState, user_ids: Sequence[str], standing: str, after: str | None, limit: int
) -> dict[str, Any]:
    first = 0 if after is None else bisect_right(user_ids, after)
    chosen = user_ids[first : first + limit]
    return {
        "people": [
            {"user_id": who, "standing": standing, "since_ms": state.links[who].since_ms}
            for who in chosen
        ],
        "more": first + limit < len(user_ids),
    }
