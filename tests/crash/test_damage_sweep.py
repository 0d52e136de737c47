"""Flipped bytes anywhere: a share of ``python -m tests.crash.damage``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.damage import Tally, fill, flip

FLIPS = 20
FLIPS_LONG = 300


def _flip_many(directory: Path, first: int, count: int) -> Tally:
    tally = Tally()
    ledgers = fill(directory / "whole")
    for seed in range(first, first + count):
        flip(directory / "whole", ledgers, seed, directory / f"seed-{seed}", tally)
    return tally


def test_a_flipped_byte_is_found_or_does_no_harm(tmp_path: Path) -> None:
    """[J10.1] [J10.2] Nobody is served wrong; the deep check finds what reads find."""
    tally = _flip_many(tmp_path, 1, FLIPS)
    assert tally.served_wrong == []
    assert tally.missed_deep == []
    assert tally.quarantined > 0
    assert tally.harmless > 0


@pytest.mark.long
def test_many_flipped_bytes_are_found_or_do_no_harm(tmp_path: Path) -> None:
    """[J10.1] [J10.2] The same for many places."""
    tally = _flip_many(tmp_path, 10_001, FLIPS_LONG)
    assert (tally.served_wrong, tally.missed_deep) == ([], [])
