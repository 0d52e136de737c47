"""Who wrote which passage of a root.

The document's state names the client of every block, and clients are bound to users. What it does
not say is the order: that follows from what every block was put between, by the rule of the CRDT
(YATA), which is applied here to the blocks alone. The result is checked against the library's own
text by the tests.

Runs in a worker thread, on bytes. Work is bounded: concurrent inserts at one place are compared
with each other, which a hostile document could make long.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import trio

from collab.errors import LimitExceeded
from collab.kind import Answer, Context, Reader
from collab.limits import NOTES_ORDER_STEPS_MAX
from collab.notes.blocks import Block, read_blocks
from collab.notes.commands import NotesAuthors
from collab.notes.document import no_panic
from collab.notes.state import HasNotes
from protocol.yjs import Id

Home: TypeAlias = str | Id


def authors(state: HasNotes, query: NotesAuthors, _context: Context) -> Answer:
    """Return the text of a root, and its passages with their authors."""
    log = state.notes
    whole, root, owners = log.doc.whole(), query.root, dict(log.clients)

    def work() -> Mapping[str, Any]:
        with no_panic():
            return passages_of(whole, root, owners)

    async def read(_reader: Reader) -> object:
        return await trio.to_thread.run_sync(work)

    return Answer(read=read)


def passages_of(whole: bytes, root: str, owners: Mapping[int, str]) -> Mapping[str, Any]:
    """Return ``{"text", "passages": [{"start", "end", "user"}]}``, in code points of ``text``.

    Every shared type that holds words ends a line; embedded values are no words.

    Raises:
      LimitExceeded: it would take too long.
    """
    order = _Order()
    for block in _by_need(read_blocks(whole)):
        order.put(block)
    text: list[str] = []
    passages: list[dict[str, Any]] = []
    end = 0
    for words, client in order.words(root):
        text.append(words)
        start, end = end, end + len(words)
        if client is None:
            continue  # A line's end is nobody's.
        user = owners.get(client, "")
        if passages and passages[-1]["user"] == user and passages[-1]["end"] == start:
            passages[-1]["end"] = end
        else:
            passages.append({"start": start, "end": end, "user": user})
    return {"text": "".join(text), "passages": passages}


def _by_need(blocks: Iterator[Block]) -> Iterator[Block]:
    """Yield blocks so that everything comes after what it was put between."""
    waiting: dict[int, list[Block]] = {}
    for block in blocks:
        waiting.setdefault(block.client, []).append(block)
    known: dict[int, int] = {}  # Client to the clock of its first block that is still waiting.
    for client, line in waiting.items():
        line.reverse()
        known[client] = line[-1].clock

    def wanted_by(block: Block) -> int | None:
        for ref in (block.origin, block.right_origin, block.parent):
            if not isinstance(ref, tuple) or ref[0] == block.client:
                continue
            if waiting.get(ref[0]) and known[ref[0]] <= ref[1]:
                return ref[0]
        return None

    for first in list(waiting):
        stack = [first]
        while stack:
            line = waiting[stack[-1]]
            if not line:
                stack.pop()
                continue
            other = wanted_by(line[-1])
            if other is not None:
                assert len(stack) <= len(waiting), "blocks wait for each other"
                stack.append(other)
                continue
            block = line.pop()
            known[block.client] = line[-1].clock if line else block.clock + block.length
            yield block
            if len(stack) > 1:
                stack.pop()


class _Order:
    """The lists of a document, as far as they are put together."""

    def __init__(self) -> None:
        self._blocks: dict[int, tuple[list[int], list[Block]]] = {}  # Client: clocks and blocks.
        self._heads: dict[Home, Block] = {}
        self._steps = 0

    def put(self, block: Block) -> None:
        """Find the place of *block*; what it builds on was put before."""
        clocks, line = self._blocks.setdefault(block.client, ([], []))
        clocks.append(block.clock)
        line.append(block)
        left = self._ending_with(block.origin)
        right = self._beginning_with(block.right_origin)
        beside = left or right
        home = block.parent if beside is None else beside.home
        if home is None or block.key is not None or (beside is not None and beside.key is not None):
            block.key = block.key or ""  # In no list: of a map, or of something collected.
            return
        block.home = home
        left = self._last_before(block, left, right, home)
        if left is None:
            block.next = self._heads.get(home)
            self._heads[home] = block
        else:
            block.next = left.next
            left.next = block

    def _last_before(
        self, block: Block, left: Block | None, right: Block | None, home: Home
    ) -> Block | None:
        """Return what *block* comes after: among those put at the same place, by client id."""
        other = left.next if left is not None else self._heads.get(home)
        passed: set[Id] = set()
        rivals: set[Id] = set()
        while other is not None and other is not right:
            self._steps += 1
            if self._steps > NOTES_ORDER_STEPS_MAX:
                raise LimitExceeded("too many concurrent changes to say who wrote what")
            at = (other.client, other.clock)
            passed.add(at)
            rivals.add(at)
            if other.origin == block.origin:
                if other.client < block.client:
                    left = other
                    rivals.clear()
                elif other.right_origin == block.right_origin:
                    break
            else:
                origin = self._ending_with(other.origin)
                place = None if origin is None else (origin.client, origin.clock)
                if place is None or place not in passed:
                    break
                if place not in rivals:
                    left = other
                    rivals.clear()
            other = other.next
        return left

    def _ending_with(self, ref: Id | None) -> Block | None:
        """Return the block whose last clock is *ref*; None: it was collected."""
        block = self._holding(ref)
        if block is not None and ref is not None:
            self._cut(block, ref[1] + 1 - block.clock)
        return block

    def _beginning_with(self, ref: Id | None) -> Block | None:
        """Return the block whose first clock is *ref*; None: it was collected."""
        block = self._holding(ref)
        if block is None or ref is None or block.clock == ref[1]:
            return block
        return self._cut(block, ref[1] - block.clock)

    def _holding(self, ref: Id | None) -> Block | None:
        if ref is None or ref[0] not in self._blocks:
            return None
        clocks, line = self._blocks[ref[0]]
        at = bisect_right(clocks, ref[1]) - 1
        if at < 0 or ref[1] >= line[at].clock + line[at].length:
            return None
        return line[at]

    def _cut(self, block: Block, length: int) -> Block | None:
        """Cut *block* after so many clocks, as something was put there; return what is cut off.

        The library joins neighbours again when nothing is left between them.
        """
        if length >= block.length:
            return None
        rest = block.cut(length)
        clocks, line = self._blocks[block.client]
        at = bisect_right(clocks, block.clock)
        clocks.insert(at, rest.clock)
        line.insert(at, rest)
        return rest

    def words(self, root: Home) -> Iterator[tuple[str, int | None]]:
        """Yield the words of a list with their clients, and line ends, which are nobody's."""
        stack: list[Block | None] = [self._heads.get(root)]
        is_line_open = has_ended = False
        while stack:
            block = stack.pop()
            if block is None:
                has_ended = is_line_open
                continue
            stack.append(block.next)
            if block.text:
                if has_ended:
                    yield "\n", None
                yield block.text, block.client
                is_line_open, has_ended = True, False
            elif block.is_type:
                stack.append(self._heads.get((block.client, block.clock)))
