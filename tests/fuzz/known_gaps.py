"""Plays, in a process of its own, the worst that the fuzz found (``python -m``, a name).

Each case once hung or crashed the server; in a process of its own, it fails alone if it does again.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final

import trio

from collab.notes.commands import ExportNotes, RestoreNotes, UndoNotes
from protocol.yjs.reader import varstring
from tests.fuzz.house import ACCEPTED, KNOWN, House, StepClock
from tests.fuzz.tally import STALL_MS
from tests.protocol.yjs import building as b

NULL: Final = b"\x7e"


async def restore(house: House) -> bool:
    """Words among the items of a list: the CRDT library never comes back from reading them."""
    await house.play("eve", b.one(b.values(NULL, parent="a")))
    await house.play("eve", b.update(b.section(1, 1, b.text("x😀y", origin=(1, 0)))))
    return await house.play_command("ann", RestoreNotes(seq=1)) == ACCEPTED


async def undo(house: House) -> bool:
    """A child of what was deleted: fine where that is gone, a failure where it is kept for undo."""
    await house.play("ann", b.one(b.text("hi"), client=99))
    await house.play("eve", b.one(b.text("ab"), client=7))
    await house.play("eve", b.update(deletes=[b.deletions(7, (0, 2))]))
    house.restart()
    await house.play("eve", b.one(b.text("x", parent=(7, 0)), client=7, clock=2))
    return await house.play_command("ann", UndoNotes()) == ACCEPTED


async def export(house: House) -> bool:
    """Something that is no XML among the children of an element."""
    structs = b.shared(3, "p"), b.values(NULL, parent=(1, 0))
    await house.play("eve", b.update(b.section(1, 0, *structs)))
    return await house.look_hard("ann", ExportNotes(root="t")) == KNOWN


async def restore_map(house: House) -> bool:
    """A mark as the value of a map's key: the key is listed and cannot be read."""
    await house.play("eve", b.one(b.item(varstring("bold") + varstring("true"), kind=6, key="k")))
    await house.play("ann", b.one(b.values(NULL, key="j"), client=99))
    return await house.play_command("ann", RestoreNotes(seq=1)) == ACCEPTED


async def crossing(house: House) -> bool:
    """3,000 characters of one client at one place, each with another right neighbour: 23 kB."""
    await house.play("ann", b.one(b.text("hello" * 200)))
    structs = [b.text("a", origin=(1, 0), right=(1, 1 + n % 900)) for n in range(3_000)]
    await house.play("eve", b.update(b.section(9, 0, *structs)))
    return house.clock.slowest_ms <= STALL_MS


GAPS: Final[Mapping[str, Callable[[House], Awaitable[bool]]]] = MappingProxyType(
    {
        "restore": restore,
        "restore_map": restore_map,
        "undo": undo,
        "export": export,
        "crossing": crossing,
    }
)


def main() -> int:
    """Exit with 0 if all is well, 1 if not, or never."""
    logging.getLogger("collab.audit").setLevel(logging.CRITICAL)
    return 0 if trio.run(GAPS[sys.argv[1]], House(StepClock())) else 1


if __name__ == "__main__":
    sys.exit(main())
