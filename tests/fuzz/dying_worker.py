"""A worker that dies as a document would die of deep values without a walker before it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pycrdt

from tests.fuzz.crafted import LIST_OF_ONE, NULL
from tests.protocol.yjs import building as b


def main() -> None:
    """Write the trace of one round whose last update ends the process; apply it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trace", type=Path, required=True)
    trace = parser.parse_known_args()[0].trace
    deep = b.one(b.values(LIST_OF_ONE * 26_400 + NULL))
    drop = b.update(deletes=[b.deletions(1, (0, 1))])
    trace.write_text(f"eve {deep.hex()}\neve {drop.hex()}\n")
    doc: pycrdt.Doc[Any] = pycrdt.Doc()
    for update in (deep, drop):
        doc.apply_update(update)


if __name__ == "__main__":
    main()
