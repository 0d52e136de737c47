"""An update in pieces says what it says whole."""

from __future__ import annotations

from random import Random
from typing import Any

import pycrdt
import pytest

from protocol.yjs import CLIENT_LIMITS, decode_state_vector, walk
from protocol.yjs.limits import PIECE_RANGES
from protocol.yjs.pieces import Piece, piece_steps
from tests.protocol.yjs import building as b
from tests.protocol.yjs.test_slices import drive


def pieces(update: bytes, structs_max: int) -> list[Piece]:
    steps = piece_steps(update, CLIENT_LIMITS, passes_max=0, structs_min=structs_max)
    return drive(steps)[1]


def typed(seed: int) -> bytes:
    """Return a document that three people wrote and deleted in, together and apart."""
    rng = Random(seed)
    docs: list[pycrdt.Doc[Any]] = [pycrdt.Doc(client_id=n) for n in (10, 20, 30)]
    for _ in range(150):
        doc = rng.choice(docs)
        if rng.random() < 0.5:
            other = rng.choice(docs)
            if other is not doc:
                doc.apply_update(other.get_update(doc.get_state()))
        text = doc.get("t", type=pycrdt.Text)
        at = rng.randrange(len(text) + 1)
        if rng.random() < 0.2 and len(text) > 3:
            del text[at // 2 : at // 2 + 2]
        else:
            text.insert(at, "ab")
    for doc in docs[1:]:
        docs[0].apply_update(doc.get_update())
    return docs[0].get_update()


@pytest.mark.parametrize("structs_max", [1, 2, 16])
@pytest.mark.parametrize("seed", range(4))
def test_pieces_applied_in_order_are_the_document(seed: int, structs_max: int) -> None:
    """[N11.4] Each is applied at once: the library never has to hold one back."""
    whole = typed(seed)
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    copy: pycrdt.Doc[Any] = pycrdt.Doc()
    doc.apply_update(whole)
    for piece in pieces(whole, structs_max):
        copy.apply_update(piece.update)
        assert pycrdt.get_update(piece.update, copy.get_state())[0] == 0
    assert decode_state_vector(copy.get_state()) == decode_state_vector(doc.get_state())
    assert str(copy.get("t", type=pycrdt.Text)) == str(doc.get("t", type=pycrdt.Text))
    assert walk(copy.get_update()).deletes == walk(doc.get_update()).deletes


def test_a_piece_comes_after_those_that_it_leans_on() -> None:
    """[N11.4] So that nobody has a library hold back many pieces and apply them in one go."""
    ann = [b.text("a"), b.text("b", origin=(2, 29))]
    ben = [b.text("x", origin=(1, 0)), *[b.text("y", right=(2, n)) for n in range(29)]]
    update = b.update(b.section(2, 0, *ben), b.section(1, 0, *ann))
    cut = pieces(update, 8)
    assert [piece.weight for piece in cut] == [8, 8, 8, 8]
    assert [dict(walk(piece.update).clocks) for piece in cut] == [
        {1: (0, 1), 2: (0, 7)},
        {2: (7, 15)},
        {2: (15, 23)},
        {2: (23, 30), 1: (1, 2)},
    ]


def test_pieces_are_as_large_as_what_came_before_allows() -> None:
    """[N11.4] However many a piece holds, its structs pass so many others at most."""
    update = b.update(b.section(1, 0, *[b.text("a", right=(2, 0))] * 1_000))
    before = 0
    cut = drive(piece_steps(update, CLIENT_LIMITS, passes_max=10_000, structs_min=2))[1]
    for piece in cut:
        assert piece.weight * (before + piece.weight) <= 10_000
        before += piece.weight
    assert before == 1_000
    assert cut[0].weight == 100
    assert len(cut) < 70


def test_a_gap_is_in_no_piece() -> None:
    """[N11.4] What it leaves out is in the document; what is behind it is a piece of its own."""
    known = b.one(b.text("abcde"))
    behind = b.update(b.section(1, 5, b.text("f"), b.skip(2), b.text("i", origin=(1, 7))))
    between = b.update(b.section(1, 6, b.text("gh")))
    cut = pieces(behind, 8)
    assert [dict(walk(piece.update).clocks) for piece in cut] == [{1: (5, 6)}, {1: (8, 9)}]
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    for update in (known, cut[0].update, between, cut[1].update):
        doc.apply_update(update)
    assert decode_state_vector(doc.get_state()) == {1: 9}


def test_deletions_of_many_clients_share_a_piece() -> None:
    """[N11.4] A piece costs more than a range: so many go into one as may."""
    spans = {client: [(2 * n, 1) for n in range(client)] for client in range(1, 40)}
    update = b.update(deletes=[b.deletions(client, *spans[client]) for client in spans])
    cut = pieces(update, 8)
    assert [piece.weight for piece in cut] == [PIECE_RANGES] * 3 + [12]
    told: dict[int, list[tuple[int, int]]] = {}
    for piece in cut:
        for client, part in walk(piece.update).deletes.items():
            told.setdefault(client, []).extend(part)
    assert told == walk(update).deletes
