"""Attacks that are known, each in many sizes and against whatever the document holds by now.

Every function draws one attack: one update or several that belong together, each with the user who
sends it. Most are refused, and must be; what is let in must do no harm. None may hold more structs
at one place than the CRDT library puts in order within the time of a step (``PLACE_STRUCTS_MAX``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from attrs import frozen

from protocol.yjs import Id
from protocol.yjs.reader import varstring, varuint
from tests.protocol.yjs import building as b

LIST_OF_ONE: Final = b"\x75\x01"
MAP_OF_ONE: Final = b"\x76\x01\x01k"
NULL: Final = b"\x7e"
PLACE_STRUCTS_MAX: Final = 200
_CROWDED_CLOCKS: Final = 3_000  # Of a document.
_LENGTHS: Final = (1, 2, 1_000, 2**20, 2**24, 2**24 + 1, 2**31 - 1, 2**31, 2**32 - 1)

Step = tuple[str, bytes]


@frozen
class Ground:
    """What the attacker knows: the clocks, who owns a client, where shared types are."""

    rng: Random
    ends: dict[int, int]
    owners: dict[int, str]
    types: Sequence[Id]
    eve: int  # A client id of the attacker.

    @property
    def clock(self) -> int:
        """Where the attacker goes on."""
        return self.ends.get(self.eve, 0)

    def victim(self) -> int:
        return self.rng.choice(sorted(self.ends) or [1])

    def spot(self) -> Id:
        """Some clock of somebody, mostly one that is there."""
        client = self.victim()
        end = self.ends.get(client, 0)
        return client, self.rng.randrange(end) if end else 0

    def some(self, *counts: int) -> int:
        """Draw how many structs an attack puts at one place: few, where many are already.

        What they cost grows with both, and again for everybody who opens the document.
        """
        is_crowded = sum(self.ends.values()) > _CROWDED_CLOCKS
        return min(counts) if is_crowded else self.rng.choice(counts)

    def sender(self, client: int) -> str:
        """The owner of *client* (whose browser was taken over), or the attacker."""
        return self.owners.get(client, "eve") if self.rng.randrange(2) else "eve"

    def own(self, *structs: bytes, deletes: Sequence[bytes] = ()) -> Step:
        return "eve", b.update(b.section(self.eve, self.clock, *structs), deletes=deletes)


def deep_values(g: Ground) -> list[Step]:
    """Values within values, then the few bytes that drop them."""
    depth = g.rng.choice((1, 63, 64, 65, 500, 26_400))
    level = g.rng.choice((LIST_OF_ONE, MAP_OF_ONE))
    drop = b.update(deletes=[b.deletions(g.eve, (g.clock, 1))])
    return [g.own(b.values(level * depth + NULL)), ("eve", drop)]


def deep_json(g: Ground) -> list[Step]:
    depth = g.rng.choice((64, 65, 9_999))
    return [g.own(b.embed("[" * depth + "]" * depth))]


def deep_types(g: Ground) -> list[Step]:
    """Shared types within shared types, a small update each, then the outermost is deleted."""
    start, count = g.clock, g.rng.choice((3, 30, 63, 66))
    kind = g.rng.choice((0, 1, 2, 3, 4, 6))
    root = g.rng.choice([*g.types, None])
    steps = []
    for n in range(count):
        place = b.shared(kind, "p", parent=(g.eve, start + n - 1) if n else root)
        steps.append(("eve", b.update(b.section(g.eve, start + n, place))))
    return [*steps, ("eve", b.update(deletes=[b.deletions(g.eve, (start, 1))]))]


def deep_types_at_once(g: Ground) -> list[Step]:
    start, count = g.clock, g.rng.choice((10, 64, 65, 3_000))
    levels = [b.shared(parent=(g.eve, start + n - 1) if n else None) for n in range(count)]
    return [g.own(*levels), ("eve", b.update(deletes=[b.deletions(g.eve, (start, 1))]))]


def poison(g: Ground) -> list[Step]:
    """A deleted block of a huge length between two real characters, and its neighbour."""
    victim, clock = g.spot()
    block = b.deleted(g.rng.choice(_LENGTHS), origin=(victim, clock), right=(victim, clock + 1))
    return [g.own(block, b.text("A", right=(victim, clock + 1)))]


def poison_as_found(_g: Ground) -> list[Step]:
    """The 21 bytes that were found first, as they were, after the text that they are made for."""
    poisonous = bytes.fromhex("01020700c101010102ffffffff0f44010202414100")
    return [("eve", b.one(b.text("hello"))), ("eve", poisonous)]


def garbage(g: Ground) -> list[Step]:
    """Garbage under a victim's id: the victim's later edits would vanish."""
    victim = g.victim()
    struct = g.rng.choice((b.gc, b.deleted, b.skip))(g.rng.choice(_LENGTHS))
    at = g.ends.get(victim, 0)
    return [(g.sender(victim), b.update(b.section(victim, at, struct)))]


def forged(g: Ground) -> list[Step]:
    """Words under another's id; perhaps ones that are known already, but longer."""
    victim = g.victim()
    at = max(0, g.ends.get(victim, 0) - g.rng.randrange(3))
    update = b.update(b.section(victim, at, b.text("forged", origin=g.spot())))
    return [(g.sender(victim), update)]


def subdocuments(g: Ground) -> list[Step]:
    one = b.item(varstring("guid") + b"\x76\0", kind=9)
    return [g.own(*[one] * g.rng.choice((1, 100, 2_000)))]


def numbers(g: Ground) -> list[Step]:
    """Integers without end, and counts that claim more than there is."""
    return [
        (
            "eve",
            g.rng.choice(
                (
                    b"\x01\x01" + b"\xff" * g.rng.choice((9, 10, 11, 300_000)),
                    varuint(2**31) + b"\x01",
                    b"\x01" + varuint(2**53 - 1) + b"\x01\x00",
                    b"\x00" + varuint(2**31),
                    b"\x00\x01\x01" + varuint(2**40),
                    b.update(b.section(2**53 - 1, 0, b.text("x"))),
                    b.update(b.section(2**53, 0, b.text("x"))),
                    b.update(b.section(g.eve, 2**31 - 2, b.text("xyz"))),
                )
            ),
        )
    ]


def contents(g: Ground) -> list[Step]:
    """Contents that only one of the libraries knows, or that are malformed."""
    return [
        g.own(
            g.rng.choice(
                (
                    b.item(b"\0\1\0", kind=11),
                    b.shared(7),
                    b.shared(5),
                    b.embed("9" * 310),
                    b.embed('"\\ud800"'),
                    b.embed("[" + "0," * 19_000 + "0]"),
                    b.values(b"\x7d" + b"\xbf" + b"\xff" * 7 + b"\1"),
                    b.values(b"\x75\xff\xff\xff\xff\x03"),
                    b.values(NULL * 3, 3, key="k"),
                    b.values(b"\x7b\x7f\xf8\0\0\0\0\0\0"),  # Not a number.
                    b.item(varstring("m" * 1_000) + varstring("1"), kind=6),
                    b.text("x", parent="r" * g.rng.choice((256, 257))),
                    b.text("x", key="k" * g.rng.choice((1_024, 1_025))),
                )
            )
        )
    ]


def parents(g: Ground) -> list[Step]:
    """Children of what is no shared type, or was deleted, or is the child itself."""
    here = g.eve, g.clock
    parent = g.rng.choice((g.spot(), here, (g.eve, g.clock + 1), g.spot()))
    key = g.rng.choice((None, "k"))
    return [g.own(g.rng.choice((b.text("ab", parent=parent, key=key), b.shared(parent=parent))))]


def entries(g: Ground) -> list[Step]:
    """Entries of maps with right origins, with several values, on top of each other."""
    parent = g.rng.choice(list(g.types) or [None])
    first = b.values(NULL, parent=parent, key="k")
    here = g.eve, g.clock
    second = g.rng.choice(
        (
            b.values(NULL * 2, 2, origin=here),
            b.values(NULL, right=here),
            b.text("ab", origin=here, right=g.spot()),
            b.shared(1, origin=here),
            b.deleted(2, origin=here),
        )
    )
    steps = [g.own(first, second)]
    if g.rng.randrange(2):
        steps.append(("eve", b.update(deletes=[b.deletions(g.eve, (g.clock, 2))])))
    return steps


def halves(g: Ground) -> list[Step]:
    """Cuts through a character of two clocks: by an origin, a deletion, an overlap."""
    start = g.clock
    middle = g.eve, start + 1
    cut = g.rng.choice(
        (
            b.update(b.section(g.eve, start + 4, b.text("z", origin=middle))),
            b.update(b.section(g.eve, start + 4, b.text("z", right=(g.eve, start + 2)))),
            b.update(deletes=[b.deletions(g.eve, (start + 1, 1))]),
            b.update(deletes=[b.deletions(g.eve, (start, 2))]),
            b.update(b.section(g.eve, start + 2, b.text("zzz"))),
        )
    )
    return [g.own(b.text("x😀y")), ("eve", cut)]


def circles(g: Ground) -> list[Step]:
    """Two clients whose structs wait for each other."""
    other = g.eve + 1
    one, two = (g.eve, g.clock), (other, g.ends.get(other, 0))
    sections = b.section(*two, b.text("a", origin=one)), b.section(*one, b.text("a", origin=two))
    return [("eve", b.update(*sections))]


def deletions(g: Ground) -> list[Step]:
    """Everything of somebody deleted, or more than there is."""
    victim = g.victim()
    end = g.ends.get(victim, 0) or 1
    spans = g.rng.choice((((0, end),), ((0, end + 1),), ((0, 2**31 - 1),), ((0, 1), (0, 1))))
    return [("eve", b.update(deletes=[b.deletions(victim, *spans)]))]


def crowd(g: Ground) -> list[Step]:
    """Many new clients who all write at one place."""
    origin, right = g.spot(), g.rng.choice((None, g.spot()))
    count = g.some(2, 30, PLACE_STRUCTS_MAX)
    first = g.rng.randrange(10**6, 10**9)
    sections = [
        b.section(first + n, 0, b.text("a", origin=origin, right=right)) for n in range(count)
    ]
    g.rng.shuffle(sections)
    return [("eve", b.update(*sections))]


def crossing(g: Ground) -> list[Step]:
    """One client who writes at one place again and again, and says something else lies right."""
    victim, clock = g.spot()
    end = g.ends.get(victim, 0) or 1
    count = g.some(2, 30, PLACE_STRUCTS_MAX)
    structs = [
        b.text("a", origin=(victim, clock), right=(victim, g.rng.randrange(end)))
        for _ in range(count)
    ]
    return [g.own(*structs)]


def siblings(g: Ground) -> list[Step]:
    """Two clients who wrote at one place offline, one before the other's words or all at once."""
    count, steps = g.some(30, 30, 600), []
    is_typed = g.rng.randrange(2)
    first = g.rng.randrange(10**6, 10**9)
    for client in g.rng.sample((first, first + 1), 2):
        later = [b.text("a", right=(client, n) if is_typed else None) for n in range(count)]
        steps.append(("eve", b.update(b.section(client, 0, b.text("a"), *later))))
    return steps


def tangle(g: Ground) -> list[Step]:
    """One client who puts words wherever there is room, and all that follows lies between."""
    victim = g.victim()
    end = g.ends.get(victim, 0) or 1
    count, last = g.some(30, 30, 800), (victim, end - 1)
    structs = [b.text("a", origin=(victim, n % end), right=last) for n in range(count)]
    return [g.own(*structs)]


def holes(g: Ground) -> list[Step]:
    """Every other letter of a long text deleted."""
    count = g.some(30, 30, 2_500)
    drop = b.deletions(g.eve, *[(g.clock + 2 * n, 1) for n in range(count)])
    return [g.own(b.text("x" * (2 * count))), ("eve", b.update(deletes=[drop]))]


def roots(g: Ground) -> list[Step]:
    count = g.rng.choice((2, 32, 33))
    names = [f"r{g.rng.randrange(80)}" for _ in range(count)]
    return [g.own(*[b.text("x", parent=name) for name in names])]


ATTACKS: Final[Sequence[Callable[[Ground], list[Step]]]] = (
    deep_values,
    deep_json,
    deep_types,
    deep_types_at_once,
    poison,
    poison_as_found,
    garbage,
    forged,
    subdocuments,
    numbers,
    contents,
    parents,
    entries,
    halves,
    circles,
    deletions,
    crowd,
    crossing,
    siblings,
    tangle,
    holes,
    roots,
)


def attack(ground: Ground) -> list[Step]:
    """Draw one attack against *ground*."""
    return ground.rng.choice(ATTACKS)(ground)
