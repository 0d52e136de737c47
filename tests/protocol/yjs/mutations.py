"""Seeded damage to real updates, and inventions: flipped bits, cuts, splices, planted integers."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from protocol.yjs import Id
from protocol.yjs.reader import varstring, varuint
from tests.protocol.yjs import building as b

_SMALL: Final = (0, 1, 2, 10, 63, 64, 127, 128, 255)
_LARGE: Final = (2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**53 - 1)
_PLANTED: Final = (
    *(varuint(number) for number in (*_SMALL, *_LARGE)),
    b"\xff" * 10 + b"\x01",
    b"\x80" * 9 + b"\x00",
    b"\x80\x00",
    b"\xed\xa0\x80",
    b"\xf0\x9f",
)


def mutate(source: bytes, donor: bytes, rng: Random) -> bytes:
    """Return *source* damaged in one to three ways; parts of *donor* may be spliced in."""
    out = bytearray(source)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(7):
            case 0 if at < len(out):
                out[at] ^= 1 << rng.randrange(8)
            case 1 if at < len(out):
                out[at] = rng.randrange(256)
            case 2:
                del out[at:]
            case 3:
                del out[at : at + rng.randrange(1, 9)]
            case 4:
                cut = rng.randrange(len(donor) + 1)
                out[at:at] = donor[cut : cut + rng.randrange(1, 24)]
            case 5:
                out[at : at + rng.randrange(3)] = rng.choice(_PLANTED)
            case _ if at < len(out) and out[at] < 128:  # The same number in one byte more.
                out[at : at + 1] = bytes((out[at] | 128, 0))
            case _:
                pass
    return bytes(out)


class Inventor:
    """Makes well-formed updates that no client would write: random structs over random ids.

    ``ends`` is what the document has, ``types`` where its shared types are; every update goes on
    from there, so drop the inventor or restore both when one is refused.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.ends: dict[int, int] = {}
        self.types: list[Id] = []

    def update(self) -> bytes:
        """Return the next update."""
        rng, ends = self._rng, self.ends
        sections = []
        for client in rng.sample(range(1, 6), rng.randrange(1, 4)):
            start = ends.get(client, 0)
            structs = []
            for _ in range(rng.randrange(1, 5)):
                struct, length = self._struct((client, ends.get(client, 0)))
                structs.append(struct)
                ends[client] = ends.get(client, 0) + length
            sections.append(b.section(client, start, *structs))
        deletes = []
        for client in rng.sample(sorted(ends), rng.randrange(len(ends) + 1)):
            clock = rng.randrange(ends[client])
            deletes.append(b.deletions(client, (clock, rng.randrange(1, ends[client] - clock + 1))))
        return b.update(*sections, deletes=deletes)

    def _any_id(self) -> Id:
        client = self._rng.choice(sorted(self.ends))
        return client, self._rng.randrange(self.ends[client])

    def _place(self) -> dict[str, Any]:
        """Return where a struct goes."""
        rng = self._rng
        match rng.randrange(5) if self.ends else 4:
            case 0:
                return {"origin": self._any_id()}
            case 1:
                return {"right": self._any_id()}
            case 2:
                return {"origin": self._any_id(), "right": self._any_id()}
            case 3 if self.types or rng.randrange(20) == 0:
                place: dict[str, Any] = {"parent": rng.choice(self.types or [self._any_id()])}
            case _:
                place = {"parent": rng.choice(("t", "u"))}
        if rng.randrange(2):
            place["key"] = rng.choice(("k", "é"))
        return place

    def _struct(self, at: Id) -> tuple[bytes, int]:
        """Return a struct and its length; *at* is its id."""
        rng = self._rng
        if rng.randrange(12) == 0:
            length = rng.randrange(1, 5)
            return b.gc(length), length
        place = self._place()
        is_single = "key" in place and rng.randrange(20) != 0
        match rng.randrange(8):
            case 0:
                length = rng.randrange(1, 4)
                return b.deleted(length, **place), length
            case 1 | 2:
                self.types.append(at)
                return b.shared(rng.choice((0, 1, 2, 3, 4, 6)), "p", **place), 1
            case 3:
                count = 1 if is_single else 2
                return b.values(b"\x76\x01\x01k\x79" * count, count, **place), count
            case 4:
                return b.embed('{"a":[1]}', **place), 1
            case 5:
                return b.item(varstring("bold") + varstring("true"), kind=6, **place), 1
            case 6:
                return b.item(varstring("xyz"), kind=3, **place), 1
            case _:
                words = "a" if is_single else rng.choice(("a", "bcd", "é", "xyz", "x😀y"))
                return b.text(words, **place), len(words.encode("utf-16-le")) // 2
