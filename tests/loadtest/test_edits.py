"""Updates made without a document."""

from __future__ import annotations

import random

from pycrdt import Doc, Text

from loadtest.edits import ROOT, Typist


def test_typed_text_is_what_a_document_reads() -> None:
    """[O8.5] Three writers, interleaved at random; everybody's text is there, whole."""
    rng = random.Random(1)
    doc = Doc[Text]()
    typists = {name: Typist(client) for client, name in ((1, "a"), (300, "b"), (2**31, "c"))}
    said = dict.fromkeys(typists, "")
    for number in range(300):
        name = rng.choice("abc")
        words = f"~{name}{number}~" * rng.randrange(1, 30)
        doc.apply_update(typists[name].type(words))
        said[name] += words
    text = str(doc.get(ROOT, type=Text))
    assert all(words in text for words in said.values())
    assert len(text) == sum(map(len, said.values()))
