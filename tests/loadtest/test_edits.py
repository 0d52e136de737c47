"""Updates made without a document."""

from __future__ import annotations

import random
from itertools import count

from pycrdt import Doc, Text

from loadtest.edits import ROOT, Typist
from loadtest.lean import Stream
from loadtest.saying import EDIT, edits


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


def test_a_refused_edit_is_not_built_on() -> None:
    """[O8.5] What was sent before the refusal came is lost with it; what comes after is whole."""
    stream = Stream(0, EDIT)
    make = edits(stream, count(7))
    doc = Doc[Text]()
    for number in range(20):
        assert stream.take_number() == number
        _, args = make(number)
        is_lost = number in (5, 6, 7)  # The answer to 5 comes after 7 was sent.
        if not is_lost:
            doc.apply_update(args["update"])
        if number == 7:
            for lost in (5, 6, 7):
                stream.answered(lost, "overloaded")
    text = str(doc.get(ROOT, type=Text))
    assert [stream.mark(number) in text for number in range(20)] == [
        number not in (5, 6, 7) for number in range(20)
    ]


def test_refusals_of_two_ids_that_are_told_together_are_both_seen() -> None:
    """[O8.5] Whichever was told last."""
    stream = Stream(0, EDIT)
    make = edits(stream, count(7))
    doc = Doc[Text]()
    lost = {2, 3, 6, 7}  # 7 was typed on 6 before its refusal came.
    for number in range(14):
        stream.take_number()
        _, args = make(number)
        if number not in lost:
            doc.apply_update(args["update"])
        if number == 3:
            stream.answered(2, "overloaded")
        if number == 7:
            stream.answered(6, "overloaded")
            stream.answered(3, "overloaded")
    text = str(doc.get(ROOT, type=Text))
    assert {number for number in range(14) if stream.mark(number) not in text} == lost
