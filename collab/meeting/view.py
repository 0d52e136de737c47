"""What participants see of a meeting: snapshots of its topics, and queries."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from collab.kind import Answer, Caller, Context
from collab.meeting.commands import Get, ListPeople
from collab.meeting.state import INVITED, JOINED, MeetingState, Person, role_of
from collab.user.profile.cards import GetCards
from collab.user.profile.cards import answer as answer_cards


def describe(state: MeetingState, _caller: Caller) -> dict[str, Any]:
    """Return title, status, times and owner: the snapshot of topic ``state``."""
    return {
        "status": state.status,
        "title": state.title,
        "description": state.description,
        "planned_start_ms": state.planned_start_ms,
        "duration_min": state.duration_min,
        "org_id": state.org_id,
        "owner_id": state.owner_id,
        "created_at_ms": state.created_at_ms,
        "started_at_ms": state.started_at_ms,
        "ended_at_ms": state.ended_at_ms,
    }


def get(state: MeetingState, _query: Get, context: Context) -> Answer:
    """Return the same, and the caller's own role."""
    value = describe(state, context.caller)
    value["role"] = role_of(state, context.caller)
    return Answer(value)


def participants(state: MeetingState, _caller: Caller) -> dict[str, Any]:
    """Return who is invited or has joined: the snapshot of topic ``participants``."""
    return {
        "owner_id": state.owner_id,
        "participants": [_plain(user_id, person) for user_id, person in _listed(state)],
    }


def list_people(state: MeetingState, query: ListPeople, _context: Context) -> Answer:
    """Return one page of them."""
    people = sorted(_listed(state), key=_user_id)
    first = 0 if query.after is None else bisect_right(people, query.after, key=_user_id)
    chosen = people[first : first + query.limit]
    return Answer(
        {
            "participants": [_plain(user_id, person) for user_id, person in chosen],
            "has_more": first + query.limit < len(people),
        }
    )


def cards(state: MeetingState, query: GetCards, _context: Context) -> Answer:
    """Return the cards of who has joined: being invited is not one's own doing."""
    joined = {who for who, person in state.people.items() if person.standing == JOINED}
    return answer_cards(query, joined)


def _listed(state: MeetingState) -> list[tuple[str, Person]]:
    return [item for item in state.people.items() if item[1].standing in (INVITED, JOINED)]


def _user_id(item: tuple[str, Person]) -> str:
    return item[0]


def _plain(user_id: str, person: Person) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "role": person.role,
        "standing": person.standing,
        "since_ms": person.since_ms,
    }
