"""Many who open one large document, and what everybody else feels of it."""

from __future__ import annotations

import pytest
from pycrdt import Doc, Text

from loadtest.edits import ROOT, varint
from loadtest.join import DocumentRefused, JoinOptions, join
from loadtest.join_crowd import Newcomer
from loadtest.large_text import PIECE_LEN, UPDATE_ITEMS, large_updates
from loadtest.lean import marks_in


def test_a_large_text_is_many_items_that_a_document_takes() -> None:
    """[O12.4] Every piece is an item of its own, newest first; each update carries one mark."""
    document = Doc[Text]()
    document[ROOT] = text = Text()
    updates = list(large_updates(7, 500_000))
    for number, update in enumerate(updates):
        document.apply_update(update)
        assert marks_in(update) == [(0, number)]
    assert len(str(text)) > 500_000 * 0.8
    assert str(text)[-PIECE_LEN:].startswith("~0.0~")
    items = varint(UPDATE_ITEMS * len(updates))
    assert document.get_update()[1 : 1 + len(items)] == items  # None was joined with another.


async def test_all_get_the_whole_document_and_bystanders_lose_nothing() -> None:
    """[O12.4] Through both doors at once, beside meetings that go on."""
    options = JoinOptions(doc_mb=0.5, clients=4, bystanders=2, quiet_secs=2, secs=3)
    outcome = await join(options)
    assert outcome.is_good, outcome.as_json()
    assert outcome.figures["sent_mb"] >= 4 * 0.5
    for name in ("v1_joined_ms", "yjs_joined_ms"):
        assert outcome.figures[name]["count"] == 2
    for name in ("bystanders_before_ms", "bystanders_during_ms"):
        assert outcome.figures[name]["count"] > 0


def test_half_a_document_is_a_failure() -> None:
    """[O12.4] Who lacks a part of it has not joined."""
    newcomer = Newcomer("v1")
    newcomer.has(3, 4, 1_000)
    assert newcomer.has_all_at is None
    assert newcomer.failure == "3 of 4 parts of the document came"


@pytest.mark.long
async def test_a_document_that_the_server_refuses_is_named() -> None:
    """[O12.4] The scenario does not measure a smaller one instead."""
    with pytest.raises(DocumentRefused, match=r"after 4\.\d+ MB"):
        await join(JoinOptions(doc_mb=12.0, clients=2))
