"""Cards of people in the same meeting or chat, read where those are.

Whoever may see who takes part may see their cards. The room says who is in it; the cards are rows
that each person's own actor wrote (see ``rules.card``), so nobody's actor is woken, and a change
of a profile costs one row, however many rooms the person is in.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any, ClassVar, Final

import msgpack  # type: ignore[import-untyped]
from attrs import field, frozen
from attrs.validators import and_, max_len, min_len

from collab.kind import Answer, Reader
from collab.limits import CARDS_MAX

_LISTING: Final = "card"  # As ``rules.CARD_LISTING``, which is too much to import for a room.


@frozen(kw_only=True)
class GetCards:
    """The cards of these people, as far as they take part here: ``{"cards": {user_id: card}}``.

    Who has never said anything of themselves has no card.
    """

    TAG: ClassVar[str] = "people.cards"

    user_ids: list[str] = field(validator=and_(min_len(1), max_len(CARDS_MAX)))


def answer(query: GetCards, present: Container[str]) -> Answer:
    """Return the answer of a room in which *present* take part."""
    wanted = [user_id for user_id in dict.fromkeys(query.user_ids) if user_id in present]

    async def read(reader: Reader) -> object:
        return {"cards": await read_cards(reader, wanted)}

    return Answer(read=read)


async def read_cards(reader: Reader, user_ids: Iterable[str]) -> dict[str, Any]:
    """Return the cards that there are, by user id. Cancelled: nothing happened."""
    cards = {}
    for user_id in user_ids:
        for item in await reader.get(f"user:{user_id}", _LISTING, [0]):
            cards[user_id] = msgpack.unpackb(item.value)
    return cards
