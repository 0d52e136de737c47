"""What is generated from the message classes and checked in is as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.schema.checked_in import PAGE, ROOT, TYPES, expected


@pytest.mark.parametrize("path", [TYPES, PAGE], ids=lambda path: str(path.relative_to(ROOT)))
def test_generated_files_are_those_of_the_message_classes(path: Path) -> None:
    """[P11.3] The checked-in types and reference are those that the message classes give."""
    assert path.read_text() == expected()[path], "run: python -m tests.schema"
