"""What readers see of messages: the topic's snapshot, pages, branches, former versions.

Whatever the tail holds is answered from memory, everything else from the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collab.errors import NotFound
from collab.kind import Answer, Caller, Context, Item, Reader
from collab.limits import MESSAGE_PAGE_BYTES_MAX
from collab.messages.commands import GetMessage, PageHistory, PageMessages
from collab.messages.rules import history_of
from collab.messages.state import LISTING, HasMessages, Message, MessageLog, unpack


def snapshot(state: HasMessages, _caller: Caller) -> Mapping[str, Any]:
    """Return the newest messages; ``more``: there are older ones to page back to."""
    log = state.messages
    return {
        "messages": [message.plain() for message in log.tail],
        "more": not log.is_whole,
        "leaf": log.leaf,
    }


def page(state: HasMessages, query: PageMessages, context: Context) -> Answer:
    """Return a page by order of posting, or along a branch.

    Raises:
      NotFound: ``leaf`` is no message here (from the reading).
    """
    if query.leaf is not None:
        return _branch(state, query.leaf, query.limit, context.target)
    at_hand = _at_hand(state.messages, query)
    if at_hand is not None:
        return Answer(at_hand)
    owner, before, after, limit = context.target, query.before, query.after, query.limit

    async def read(reader: Reader) -> object:
        items = await reader.page(owner, LISTING, before=before, after=after, limit=limit + 1)
        kept, more = _trim(items, limit, from_oldest=after is not None)
        return {"messages": [unpack(item.value) for item in kept], "more": more}

    return Answer(read=read)


def get(state: HasMessages, query: GetMessage, context: Context) -> Answer:
    """Return one message.

    Raises:
      NotFound: there is none (perhaps from the reading).
    """
    message = state.messages.find(query.id)
    if message is not None:
        return Answer(message.plain())
    if query.id > state.messages.newest_id:
        raise NotFound(f"there is no message {query.id}")
    owner, message_id = context.target, query.id

    async def read(reader: Reader) -> object:
        for item in await reader.get(owner, LISTING, [message_id]):
            return unpack(item.value)
        raise NotFound(f"there is no message {message_id}")

    return Answer(read=read)


def history(_state: HasMessages, query: PageHistory, context: Context) -> Answer:
    """Return what a message said before; nothing once it is deleted.

    Raises:
      NotFound: there is no such message (from the reading).
    """
    owner, message_id, before, limit = context.target, query.id, query.before, query.limit

    async def read(reader: Reader) -> object:
        if not await reader.get(owner, LISTING, [message_id]):
            raise NotFound(f"there is no message {message_id}")
        items = await reader.page(owner, history_of(message_id), before=before, limit=limit + 1)
        kept, more = _trim(items, limit, from_oldest=False)
        return {"versions": [unpack(item.value) for item in kept], "more": more}

    return Answer(read=read)


def _at_hand(log: MessageLog, query: PageMessages) -> Mapping[str, Any] | None:
    """Return the page if the tail holds all of it, else None."""
    tail, limit = log.tail, query.limit
    if query.after is not None:
        if not log.is_whole and (not tail or query.after < tail[0].id - 1):
            return None
        found = [message for message in tail if message.id > query.after]
        return _shown(found[:limit], more=len(found) > limit)
    found = [m for m in tail if m.id < query.before] if query.before is not None else tail
    if len(found) < limit and not log.is_whole:
        return None
    return _shown(found[-limit:], more=len(found) > limit or not log.is_whole)


def _shown(messages: Sequence[Message], *, more: bool) -> Mapping[str, Any]:
    return {"messages": [message.plain() for message in messages], "more": more}


def _trim(items: Sequence[Item], limit: int, *, from_oldest: bool) -> tuple[list[Item], bool]:
    """Return what fits one page, ascending, and whether something was left out.

    The page begins at the end that the reader comes from, and holds at least one item.
    """
    kept: list[Item] = []
    weight = 0
    for item in items if from_oldest else reversed(items):
        weight += len(item.value)
        if len(kept) == limit or (kept and weight > MESSAGE_PAGE_BYTES_MAX):
            break
        kept.append(item)
    if not from_oldest:
        kept.reverse()
    return kept, len(kept) < len(items)


def _branch(state: HasMessages, leaf: int, limit: int, owner: str) -> Answer:
    """Return the newest *limit* messages of the branch that ends in *leaf*."""
    if leaf > state.messages.newest_id:
        raise NotFound(f"there is no message {leaf}")

    async def read(reader: Reader) -> object:
        found, next_leaf = await _climb(reader, owner, leaf, limit)
        if not found:
            raise NotFound(f"there is no message {leaf}")
        return {"messages": found, "more": next_leaf != 0, "next_leaf": next_leaf}

    return Answer(read=read)


async def _climb(
    reader: Reader, owner: str, leaf: int, limit: int
) -> tuple[list[dict[str, Any]], int]:
    """Follow parents from *leaf* upwards, block by block; a parent is always older.

    Each read brings at least one message of the branch, so there are at most *limit* reads.
    Return the branch's messages, ascending, and the first one that is left out (0: none).
    """
    found: list[dict[str, Any]] = []
    weight, wanted = 0, leaf
    while wanted and len(found) < limit:
        block = await reader.page(owner, LISTING, before=wanted + 1, limit=limit - len(found))
        if not block or block[-1].position != wanted:
            break  # No such message: only the caller's own leaf can be wrong.
        for item in reversed(block):
            if item.position != wanted:
                continue
            weight += len(item.value)
            if found and weight > MESSAGE_PAGE_BYTES_MAX:
                return found[::-1], wanted
            message = unpack(item.value)
            found.append(message)
            wanted = message["parent"]
    return found[::-1], wanted
