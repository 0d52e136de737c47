"""The two registers of a connection: whatever crosses or is late, they end the same."""

from __future__ import annotations

import random
from typing import Final

from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from collab.user.connections.link import (
    BLOCKED,
    CONNECTED,
    NONE,
    RECEIVED,
    SENT,
    Link,
    after_hearing,
    blocked,
    ended,
    unblocked,
    with_wish,
)

Told = tuple[int, bool, int]
OPS: Final = ("wish", "end", "block", "unblock")
MATCHING: Final = {(NONE, NONE), (SENT, RECEIVED), (RECEIVED, SENT), (CONNECTED, CONNECTED)}


@define
class Side:
    """One person's register, and everything that the other one was told."""

    link: Link = field(factory=Link)
    told: list[Told] = field(factory=list)
    settled: int = 0  # So many of them have surely arrived, or were replaced by newer ones.

    def do(self, op: str, now_ms: int) -> None:
        """Do what a person may do as things stand; what they may not changes nothing."""
        before = self.link
        if op == "wish" and not before.is_blocked and not before.wants:
            self.link = with_wish(before, now_ms)
            self.tell()
        elif op == "end" and before.standing in (SENT, RECEIVED, CONNECTED):
            self.link = ended(before, now_ms)
            self.tell()
        elif op == "block" and not before.is_blocked:
            self.link = blocked(before, now_ms)
        elif op == "unblock" and before.is_blocked:
            self.link = unblocked(before, now_ms)
        if op in ("block", "unblock") and self.link.attempt > before.attempt:
            self.tell()

    def hear(self, told: Told) -> None:
        """Take in what the other side told."""
        attempt, wants, heard = told
        before = self.link
        self.link = after_hearing(before, attempt=attempt, wants=wants, heard=heard)
        if self.link.wants and self.link.attempt > before.attempt:
            self.tell()

    def tell(self) -> None:
        """Put the register on its way, as it is now."""
        self.told.append((self.link.attempt, self.link.wants, self.link.heard))


@define
class Pair:
    """Two sides and a clock that sometimes stands still."""

    ann: Side = field(factory=Side)
    bob: Side = field(factory=Side)
    now_ms: int = 1_000

    def settle(self) -> None:
        """Let the newest of each side arrive, until nothing new is told."""
        for _ in range(100):
            for one, other in ((self.ann, self.bob), (self.bob, self.ann)):
                if one.settled < len(one.told):
                    one.settled = len(one.told)
                    other.hear(one.told[-1])
        is_quiet = all(side.settled == len(side.told) for side in (self.ann, self.bob))
        assert is_quiet, "they never agree"

    @property
    def standings(self) -> tuple[str, str]:
        """Return how each sees it."""
        return self.ann.link.standing, self.bob.link.standing


def check(pair: Pair) -> None:
    """Both see the same; who is blocked sees nothing that an absent person would not show."""
    ann, bob = pair.standings
    if BLOCKED in (ann, bob):
        assert {ann, bob} <= {BLOCKED, NONE, SENT}
    else:
        assert (ann, bob) in MATCHING


STEPS: Final = st.lists(
    st.tuples(st.sampled_from(["ann", "bob"]), st.sampled_from(OPS), st.integers(0, 2)),
    max_size=14,
)


@settings(max_examples=600, deadline=None)
@given(STEPS, st.randoms(use_true_random=False))
def test_two_sides_agree_whatever_crosses(
    steps: list[tuple[str, str, int]], rng: random.Random
) -> None:
    """[U2.12] Signals late, twice, out of order, replaced by newer ones: one truth at the end."""
    pair = Pair()
    sides = {"ann": (pair.ann, pair.bob), "bob": (pair.bob, pair.ann)}
    for who, op, pause_ms in steps:
        pair.now_ms += pause_ms
        one, other = sides[who]
        one.do(op, pair.now_ms)
        for side, heard_by in ((one, other), (other, one)):
            if side.told and rng.random() < 0.4:
                heard_by.hear(rng.choice(side.told))  # Any one ever told: newer, older, again.
    pair.settle()
    check(pair)
    before = pair.standings
    for one, other in sides.values():
        for told in one.told:
            other.hear(told)  # All that was ever told comes again, in vain.
    assert pair.standings == before


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=4))
def test_what_is_over_can_be_forgotten(rounds: list[list[tuple[str, str, int]]]) -> None:
    """[U2.16] A side that forgot a connection which is over begins a newer attempt all the same."""
    pair = Pair()
    for steps in rounds:
        for who, op, pause_ms in steps:
            pair.now_ms += pause_ms
            (pair.ann if who == "ann" else pair.bob).do(op, pair.now_ms)
            pair.settle()
        pair.now_ms += 100  # More than attempts can have been pushed up without time passing.
        if pair.standings == (NONE, NONE):
            pair.ann.link = Link()
        check(pair)


def test_requests_that_cross_connect() -> None:
    """[U2.12] Both ask at once, in the same millisecond or not: they are connected."""
    for pause_ms in (0, 7):
        pair = Pair()
        pair.ann.do("wish", pair.now_ms)
        pair.bob.do("wish", pair.now_ms + pause_ms)
        pair.settle()
        assert pair.standings == (CONNECTED, CONNECTED)


def test_a_withdrawal_beats_the_acceptance_that_it_crosses() -> None:
    """[U2.12] Nobody is connected to somebody who took their request back first."""
    pair = Pair()
    pair.ann.do("wish", 1_000)
    pair.settle()
    pair.ann.do("end", 1_001)
    pair.bob.do("wish", 1_001)
    pair.settle()
    assert pair.standings == (NONE, NONE)


def test_a_request_outlives_the_withdrawal_that_it_crosses() -> None:
    """[U2.12] Bob asked without knowing that ann had, and had taken it back: his request stands."""
    pair = Pair()
    pair.ann.do("wish", 1_000)
    pair.ann.do("end", 1_001)
    pair.bob.do("wish", 1_001)
    pair.settle()
    assert pair.standings == (RECEIVED, SENT)


def test_a_removal_ends_it_for_both_although_they_remove_each_other() -> None:
    """[U2.12] A new request afterwards is a request, not the old connection."""
    pair = Pair()
    pair.ann.do("wish", 1_000)
    pair.bob.do("wish", 1_000)
    pair.settle()
    pair.ann.do("end", 2_000)
    pair.bob.do("end", 2_000)
    pair.ann.do("wish", 2_001)
    pair.settle()
    assert pair.standings == (SENT, RECEIVED)


def test_a_block_looks_like_a_removal_and_then_like_silence() -> None:
    """[U2.14] What bob sees is what he would see if ann removed him and then never looked."""
    blocking, removing = Pair(), Pair()
    for pair, op in ((blocking, "block"), (removing, "end")):
        pair.ann.do("wish", 1_000)
        pair.bob.do("wish", 1_000)
        pair.settle()
        pair.ann.do(op, 2_000)
        pair.settle()
        assert pair.bob.link.standing == NONE
        pair.bob.do("wish", 3_000)
        pair.settle()
        assert pair.bob.link.standing == SENT
    assert blocking.bob.link == removing.bob.link
    assert blocking.ann.told == removing.ann.told
