"""Disconnects at any byte over real sockets: a share of ``python -m tests.faults.resume``."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.crash.ledger import Lost
from tests.faults.resume import Person, check, run_cuts

CUTS = 50
CUTS_LONG = 1_000


async def test_a_client_that_is_cut_off_at_any_byte_misses_nothing(tmp_path: Path) -> None:
    """[F3.1] [F3.2] Requests, handshakes, frames: wherever it ends, everybody goes on."""
    tally = await run_cuts(tmp_path, random.Random(1), CUTS)
    assert tally.cuts >= CUTS
    assert tally.acknowledged > 0
    assert tally.told > 0


@pytest.mark.long
async def test_a_thousand_cuts_lose_nothing(tmp_path: Path) -> None:
    """[F3.1] [F3.2] The same, at length."""
    tally = await run_cuts(tmp_path, random.Random(2), CUTS_LONG)
    assert tally.cuts >= CUTS_LONG


KEPT = [(1, "a-1"), (2, "b-1"), (3, "a-2")]
FAULTS = {
    "lost": ([(1, "a-1"), (3, "a-2")], [(1, "a-1"), (3, "a-2")]),
    "given another number": (KEPT, [(1, "a-1"), (3, "b-1"), (4, "a-2")]),
    "doubled": (KEPT, [*KEPT, (4, "b-1")]),
    "gap": ([KEPT[0], KEPT[2]], KEPT),
    "told twice": ([KEPT[0], KEPT[0], *KEPT[1:]], KEPT),
    "out of order": ([KEPT[1], KEPT[0], KEPT[2]], KEPT),
    "cut short": (KEPT[:2], KEPT),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_a_broken_resume_does_is_told(name: str) -> None:
    """[F3.1] [F3.2] The comparison finds each sort of fault."""
    told, kept = FAULTS[name]
    with pytest.raises(Lost):
        check([Person("b", acknowledged={"b-1": 2}, began_at=0, told=told)], kept)


def test_nothing_is_told_of_what_is_as_it_should_be() -> None:
    """[F3.1] [F3.2] Who came later is told what came later."""
    check([Person("b", acknowledged={"b-1": 2}, began_at=1, told=KEPT[1:])], KEPT)
