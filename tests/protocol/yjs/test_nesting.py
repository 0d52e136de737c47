"""Depth is bounded per document, however small the updates that build it. N3."""

from __future__ import annotations

import pytest

from protocol.yjs import NestingIndex, UpdateRefused, levels_shown, walk
from tests.protocol.yjs import building as b


def admit(index: NestingIndex, update: bytes) -> int:
    """Walk, plan, commit; return the deepest level that was added."""
    plan = index.plan(walk(update))
    index.commit(plan)
    return plan.deepest


def chain(index: NestingIndex, levels: int, client: int = 1) -> None:
    """Nest maps, one small update each, so that ``levels`` of them lie within each other."""
    admit(index, b.one(b.shared(), client=client))
    for clock in range(1, levels):
        admit(
            index, b.one(b.shared(parent=(client, clock - 1), key="k"), client=client, clock=clock)
        )


def refusal(index: NestingIndex, update: bytes) -> str:
    before = index.state, index.mark_count
    with pytest.raises(UpdateRefused) as refused:
        index.plan(walk(update))
    assert (index.state, index.mark_count) == before
    return refused.value.code


def test_a_chain_of_small_updates_is_refused_at_the_bound() -> None:
    """[N13.1] 64 levels, the root's included; the 65th is refused and changes nothing."""
    index = NestingIndex()
    chain(index, 64)
    assert index.depth_at(1, 63) == 64
    assert refusal(index, b.one(b.text("x", parent=(1, 63), key="k"), clock=64)) == "too_deep"
    assert (
        admit(index, b.one(b.text("x", parent=(1, 62), key="j"), clock=64)) == 0
    )  # As deep as 63.


def test_a_chain_in_one_update_is_refused_at_the_bound() -> None:
    """[N13.1] It makes no difference whether the levels come together."""
    levels = [b.shared(), *[b.shared(parent=(1, n), key="k") for n in range(64)]]
    assert refusal(NestingIndex(), b.update(b.section(1, 0, *levels))) == "too_deep"
    assert admit(NestingIndex(), b.update(b.section(1, 0, *levels[:-1]))) == 64
    assert levels_shown(walk(b.update(b.section(1, 0, *levels)))) == 65


def test_a_chain_over_many_clients_is_refused_at_the_bound() -> None:
    """[N13.1] Each level may be another client's, in any order within the update."""
    sections = [b.section(100, 0, b.shared())]
    sections += [
        b.section(100 - n, 0, b.shared(parent=(101 - n, 0), key="k")) for n in range(1, 65)
    ]
    assert refusal(NestingIndex(), b.update(*sections)) == "too_deep"
    assert refusal(NestingIndex(), b.update(*reversed(sections))) == "too_deep"
    assert admit(NestingIndex(), b.update(*sections[:-1])) == 64
    assert admit(NestingIndex(), b.update(*reversed(sections[:-1]))) == 64


def test_a_sibling_is_as_deep_as_its_neighbour() -> None:
    """[N13.2] Structs with origins lie where these lie, of whatever content they are."""
    index = NestingIndex()
    chain(index, 3)
    admit(index, b.one(b.text("abc", parent=(1, 2)), client=2))
    assert index.depth_at(2, 0) == 4
    admit(index, b.one(b.shared(origin=(2, 2)), client=3))
    assert index.depth_at(3, 0) == 4
    admit(index, b.one(b.text("x", right=(3, 0)), client=4))
    assert index.depth_at(4, 0) == 4
    admit(index, b.one(b.text("x", parent=(3, 0)), client=5))
    assert index.depth_at(5, 0) == 5


def test_the_deeper_of_two_neighbours_counts() -> None:
    """[N13.2] yrs takes the right neighbour's parent if the left one was collected: never less."""
    index = NestingIndex()
    chain(index, 10)
    admit(index, b.one(b.gc(5), client=2))
    admit(index, b.one(b.text("x", parent=(1, 9)), client=3))
    admit(index, b.one(b.shared(origin=(2, 4), right=(3, 0)), client=4))
    assert index.depth_at(4, 0) == 11


def test_what_is_sent_again_cannot_hide_a_depth() -> None:
    """[N13.2] Known structs keep their depth, and what follows them lies beside them."""
    index = NestingIndex()
    chain(index, 10)
    lie = b.section(1, 9, b.text("x"), b.shared(origin=(1, 9)))  # Clock 9 is no root's child.
    admit(index, b.update(lie))
    assert index.depth_at(1, 9) == 10
    assert index.depth_at(1, 10) == 10


def test_an_update_that_builds_on_the_unknown_is_missing_something() -> None:
    """[N13.3] Origins, parents, earlier clocks, gaps and deletions must be there before it is."""
    index = NestingIndex()
    admit(index, b.one(b.text("hello")))
    for update in (
        b.one(b.text("x", origin=(1, 5)), client=2),
        b.one(b.text("x", right=(3, 0)), client=2),
        b.one(b.text("x", parent=(1, 5)), client=2),
        b.one(b.text("x"), clock=6),
        b.update(b.section(2, 0, b.text("a"), b.skip(1), b.text("b"))),
        b.update(deletes=[b.deletions(1, (4, 2))]),
        b.update(deletes=[b.deletions(7, (0, 1))]),
    ):
        assert refusal(index, update) == "missing"
    admit(index, b.update(b.section(1, 5, b.text("x")), deletes=[b.deletions(1, (4, 2))]))


def test_changes_that_wait_for_each_other_are_refused() -> None:
    """[N13.3] Two clients whose structs build on each other's could never be applied."""
    update = b.update(
        b.section(2, 0, b.shared(parent=(1, 0))), b.section(1, 0, b.shared(parent=(2, 0)))
    )
    assert refusal(NestingIndex(), update) == "circular"


def test_old_news_adds_nothing() -> None:
    """[N13.4] An update that the document has already changes neither state nor memory."""
    index = NestingIndex()
    update = b.one(b.text("hello"))
    admit(index, update)
    before = index.state, index.mark_count
    admit(index, update)
    assert (index.state, index.mark_count) == before


def test_a_plain_text_costs_one_run_per_author() -> None:
    """[N13.5] Memory grows with changes of depth, not with edits."""
    index = NestingIndex()
    admit(index, b.one(b.text("a")))
    admit(index, b.one(b.text("b", origin=(1, 0)), client=2))
    for clock in range(1, 500):
        admit(index, b.one(b.text("a", origin=(1, clock - 1), right=(2, 0)), clock=clock))
        admit(index, b.one(b.text("b", origin=(1, clock)), client=2, clock=clock))
    assert index.mark_count == 2
    assert index.state == {1: 500, 2: 500}


def test_memory_is_bounded() -> None:
    """[N13.5] Beyond the bounds what would need more is refused; what needs no more goes on."""
    index = NestingIndex(marks_max=6, clients_max=1)  # Three levels and three types.
    chain(index, 3)
    deep = b.one(b.text("x", parent=(1, 0), key="k"), clock=3)
    assert refusal(index, deep) == "too_fragmented"
    admit(index, b.one(b.text("x", origin=(1, 2)), clock=3))
    assert refusal(index, b.one(b.text("x"), client=2)) == "too_many_clients"


def test_a_parent_is_a_shared_type() -> None:
    """[N13.6] yrs gives up in the middle of an update whose parent is something else."""
    index = NestingIndex()
    admit(index, b.update(b.section(1, 0, b.text("abc"), b.shared(), b.deleted(2), b.gc(2))))
    assert refusal(index, b.one(b.text("x", parent=(1, 1)), client=2)) == "bad_parent"
    fresh = b.update(b.section(2, 0, b.text("abc"), b.text("x", parent=(2, 0))))
    assert refusal(index, fresh) == "bad_parent"
    for clock in (3, 5, 7):  # What is deleted or collected may have been a type.
        assert index.plan(walk(b.one(b.text("x", parent=(1, clock)), client=2))).deepest == 2


CUTS = {
    "an origin": b.one(b.text("x", origin=(1, 1)), client=2),
    "a right origin": b.one(b.text("x", right=(1, 2)), client=2),
    "the author's own origin": b.one(b.text("x", origin=(1, 1)), clock=4),
    "the start of a deletion": b.update(deletes=[b.deletions(1, (2, 1))]),
    "the end of a deletion": b.update(deletes=[b.deletions(1, (0, 2))]),
}


@pytest.mark.parametrize("name", CUTS)
def test_no_cut_goes_through_a_character(name: str) -> None:
    """[N13.7] yrs would lose clocks when it writes the document down."""
    index = NestingIndex()
    admit(index, b.one(b.text("x😀y")))
    assert refusal(index, CUTS[name]) == "split_character"
    whole = b.update(b.section(1, 0, b.text("x😀y")), deletes=[b.deletions(1, (1, 2))])
    assert admit(NestingIndex(), whole) == 1
    one_update = b.update(b.section(1, 0, b.text("x😀y")), deletes=[b.deletions(1, (1, 1))])
    assert refusal(NestingIndex(), one_update) == "split_character"


def test_what_is_sent_again_cannot_cut_a_character() -> None:
    """[N13.7] Nor does the end of what is known already."""
    index = NestingIndex()
    admit(index, b.one(b.text("ab")))
    assert refusal(index, b.one(b.text("a😀"))) == "split_character"


def test_an_entry_of_a_map_is_a_single_value() -> None:
    """[N13.8] Several live values, cut in two, leave yrs a pointer to freed memory."""
    index = NestingIndex()
    entry = b.values(b"\x7e", parent=(1, 0), key="k")
    admit(index, b.update(b.section(1, 0, b.shared(), entry)))
    two = b"\x7e\x7e"
    for struct in (
        b.values(two, 2, key="k"),
        b.text("ab", parent=(1, 0), key="j"),
        b.values(two, 2, origin=(1, 1)),
        b.values(b"\x7e", right=(1, 1)),
        b.values(b"\x7e", origin=(1, 0), right=(1, 1)),
    ):
        assert refusal(index, b.one(struct, client=2)) == "bad_entry"
    admit(index, b.one(b.values(b"\x7e", origin=(1, 1)), client=2))
    assert refusal(index, b.one(b.text("ab", origin=(2, 0)), client=2, clock=1)) == "bad_entry"
    merged = b.section(2, 1, b.values(two, 2, origin=(2, 0)))
    assert refusal(index, b.update(merged, deletes=[b.deletions(2, (2, 1))])) == "bad_entry"
    admit(index, b.update(merged, deletes=[b.deletions(2, (1, 1))]))  # Replaced, then merged.
    admit(index, b.one(b.deleted(2, origin=(2, 2)), client=2, clock=3))  # Collected, too.


def test_a_long_chain_is_resolved_without_recursion() -> None:
    """[N12.4] Thousands of structs that lean on each other do not exhaust the stack."""
    sections = [b.section(9_000, 0, b.text("a"))]
    sections += [
        b.section(9_000 - n, 0, b.text("a", origin=(9_001 - n, 0))) for n in range(1, 8_000)
    ]
    assert admit(NestingIndex(), b.update(*reversed(sections))) == 1
