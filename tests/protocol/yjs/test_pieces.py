"""An update in pieces says what it says whole."""

from __future__ import annotations

from random import Random
from typing import Any

import pycrdt
import pytest

from protocol.yjs import CLIENT_LIMITS, decode_state_vector, walk
from protocol.yjs.pieces import Piece, piece_steps
from tests.protocol.yjs import building as b
from tests.protocol.yjs.test_slices import drive


def pieces(update: bytes, structs_max: int) -> list[Piece]:
    return drive(piece_steps(update, CLIENT_LIMITS, structs_max))[1]


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


def test_pieces_that_would_wait_for_each_other_are_cut_into_structs() -> None:
    """[N11.4] So that nobody has a library hold back many pieces and apply them in one go."""
    ann = [b.text("a"), b.text("b", origin=(2, 29))]
    ben = [b.text("x", origin=(1, 0)), *[b.text("y", right=(2, n)) for n in range(29)]]
    update = b.update(b.section(2, 0, *ben), b.section(1, 0, *ann))
    cut = pieces(update, 8)
    assert [piece.weight for piece in cut] == [1] * 32
    assert cut[0].ends == {1: 1}
    assert cut[-1].needs == {2: 29}
