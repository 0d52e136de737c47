"""``collab notes``: out and in, and how it ends."""

from __future__ import annotations

from pathlib import Path

from tests.collab.cli.conftest import Ask, Collab

NOTE = "# Plan\n\n- **one**\n- two\n"


async def test_a_note_goes_into_a_file_and_back(ask: Ask, tmp_path: Path) -> None:
    """[N7.8] Imported, exported in each format, and not one letter more."""
    file = tmp_path / "plan.md"
    file.write_text(NOTE)
    done = await ask("notes", "import", "meeting:m1", str(file), "--token", "dev:ann")
    assert (done.code, done.err) == (0, "")
    exported = await ask("notes", "export", "meeting:m1", "--token", "dev:ann")
    assert (exported.code, exported.out) == (0, NOTE)
    text = await ask("notes", "export", "meeting:m1", "--format", "text", "--token", "dev:ann")
    assert text.out == "Plan\n- one\n- two\n"
    page = await ask("notes", "export", "meeting:m1", "--format", "html", "--token", "dev:ann")
    assert page.out.startswith("<h1>Plan</h1>")


async def test_refusals_end_with_a_line_and_a_code(ask: Ask, tmp_path: Path) -> None:
    """[N7.8] Refused: 10; not to be read: 2."""
    refused = await ask("notes", "export", "user:ann", "--token", "dev:ann")
    assert (refused.code, refused.err.count("\n")) == (10, 1)
    deep = tmp_path / "deep.md"
    deep.write_text("> " * 200 + "x")
    too_deep = await ask("notes", "import", "chat:c1", str(deep), "--token", "dev:ann")
    assert too_deep.code == 10
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff")
    for file in (binary, tmp_path / "nowhere.md", tmp_path):
        ended = await ask("notes", "import", "chat:c1", str(file), "--token", "dev:ann")
        assert (ended.code, ended.err.count("\n")) == (2, 1)


def test_notes_is_a_group_with_examples(collab: Collab) -> None:
    """[N7.8] Help says what there is."""
    assert "export" in collab("notes", "--help").out
    assert "collab notes import meeting:m1 m1.md" in collab("notes", "import", "--help").out
