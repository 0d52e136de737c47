"""What is generated and checked in, and how it is renewed: ``python -m tests.schema``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from collab.kinds import BUILT_IN
from collab.schema import document

ROOT: Final = Path(__file__).parent.parent.parent
TYPES: Final = ROOT / "protocol" / "js" / "src" / "generated" / "wire.ts"
PAGE: Final = ROOT / "docs" / "protocol.md"
BEGIN: Final = "<!-- generated: python -m tests.schema -->"
END: Final = "<!-- end of generated -->"


def expected() -> dict[Path, str]:
    """Return what every such file should hold."""
    return {
        TYPES: document(BUILT_IN, "typescript"),
        PAGE: with_reference(PAGE.read_text(), document(BUILT_IN, "markdown")),
    }


def with_reference(page: str, reference: str) -> str:
    """Return *page* with *reference* between its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, "the page has lost the mark where its generated part begins"
    assert end, "the page has lost the mark where it ends"
    return f"{before}{BEGIN}\n{reference}{END}{after}"
