"""Applies updates with pycrdt, in a process of its own (``python -m``): some bytes end it.

Reads a JSON list of histories (lists of hex) from stdin; writes one line per history, at once, so
that the last line tells which one ended the process: "ok", or what went wrong. The last update of a
history is the one under test.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from pycrdt import Doc, Text

from protocol.yjs import NestingIndex, UpdateRefused, decode_state_vector, walk
from tests.protocol.yjs.building import ROOT


def outcome(history: list[str]) -> str:
    """Apply *history*, then prove that the document can be written down and read again."""
    doc: Doc[Any] = Doc(client_id=2**32 - 5)
    for encoded in history[:-1]:
        doc.apply_update(bytes.fromhex(encoded))
    try:
        doc.apply_update(bytes.fromhex(history[-1]))
    except (RuntimeError, ValueError) as error:
        return f"not applied: {error}"
    whole = doc.get_update()
    try:
        NestingIndex().plan(walk(whole))
    except UpdateRefused as refused:
        return f"its own state is refused: {refused}"
    copy: Doc[Any] = Doc(client_id=2**32 - 6)
    copy.apply_update(whole)
    if decode_state_vector(copy.get_state()) != decode_state_vector(doc.get_state()):
        return "the copy differs"
    if str(copy.get(ROOT, type=Text)) != str(doc.get(ROOT, type=Text)):
        return "the copy reads differently"
    return "ok"


def main() -> None:
    for history in json.load(sys.stdin):
        try:
            line = outcome(history)
        except BaseException as error:  # noqa: BLE001 -- a Rust panic is no Exception.
            line = f"panic: {type(error).__name__}: {error}"
        print(line.replace("\n", " "), flush=True)


if __name__ == "__main__":
    main()
