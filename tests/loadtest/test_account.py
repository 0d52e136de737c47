"""The account of one receiver: what it must notice."""

from __future__ import annotations

import pytest

from loadtest.lean import Account, Stream, Verdict, marks_in


def stream_of(sent: int) -> Stream:
    stream = Stream(id=7, sort="chunk", first_due=10.0, period_s=0.5)
    for _ in range(sent):
        stream.answered(stream.take_number(), None)
    return stream


@pytest.mark.parametrize(
    ("delivered", "expected"),
    [
        ([0, 1, 2, 3], Verdict()),
        ([], Verdict(lost=4)),
        ([0, 1, 3], Verdict(lost=1)),
        ([0, 1, 2], Verdict(lost=1)),
        ([0, 1, 1, 2, 3, 0], Verdict(duplicated=2)),
        ([0, 2, 1, 3], Verdict(reordered=1)),
        ([3, 0, 1, 2, 2], Verdict(reordered=3, duplicated=1)),
        ([0, 1, 2, 3, 4], Verdict(invented=1)),
    ],
)
def test_what_is_wrong_with_deliveries_is_told(delivered: list[int], expected: Verdict) -> None:
    """[O8.4] Lost, doubled, out of order, made up."""
    account, stream = Account(), stream_of(4)
    for number in delivered:
        account.take(stream.id, number)
    assert account.verdict([stream]) == expected
    assert account.has_all([stream]) == (not expected.lost)


def test_a_frame_that_does_not_follow_on_the_one_before_is_a_gap() -> None:
    """[O8.4] Even if nothing of what it skipped was meant for this receiver."""
    account = Account()
    account.begin(5)
    account.frame(5, 8)
    account.frame(8, 9)
    assert account.gaps == 0
    account.frame(10, 12)
    assert account.gaps == 1


def test_what_was_refused_or_never_answered_is_not_lost() -> None:
    """[O8.4] Only the acknowledged is a promise."""
    account, stream = Account(), stream_of(2)
    stream.answered(stream.take_number(), "overloaded")
    stream.take_number()
    for number in range(2):
        account.take(stream.id, number)
    assert account.verdict([stream]) == Verdict()
    assert stream.undecided == {3}


def test_marks_are_found_in_bytes_in_their_order() -> None:
    """[O8.4] Whatever is around them."""
    stream = Stream(id=12, sort="edit")
    payload = b"\x85\xa4text" + stream.mark(3).encode() + b"\xff~5~" + stream.mark(10).encode()
    assert marks_in(payload) == [(12, 3), (12, 10)]
    assert stream_of(0).due(4) == 12.0
