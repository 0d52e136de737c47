"""Places in a text are those that Yjs itself writes and reads."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode
from typing import Any

import pytest
from pycrdt import Doc

from collab.client import SharedText
from tests.clients.editors import HERE, NODE, require_node

require_node()


@pytest.mark.parametrize("seed", range(1, 7))
def test_places_are_those_of_yjs_whatever_was_written(seed: int) -> None:
    """[L6.8] In texts of every script, by several people, with words that are gone."""
    assert NODE is not None
    ran = subprocess.run(
        [NODE, str(HERE / "places.mjs"), str(seed)], capture_output=True, text=True, check=True
    )
    theirs = json.loads(ran.stdout)
    doc = Doc[Any]()
    doc.apply_update(b64decode(theirs["update"]))
    changes: list[bytes] = []
    watching = doc.observe(lambda event: changes.append(event.update))
    text = SharedText(lambda: doc, "codemirror")
    assert str(text) == theirs["text"]
    for index, place in theirs["now"]:
        assert text.place_of(index) == place
        assert text.index_of(place) == index
    for place, index in theirs["old"]:
        assert text.index_of(place) == index, place
    assert changes == []  # Looking changes nothing that would be sent.
    doc.unobserve(watching)
