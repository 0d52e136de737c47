"""How editors name the look of words, and what we make of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from collab.notes.markdown.tree import Marks, safe_url

# What an editor calls it -> what we call it. ProseMirror, Tiptap, BlockNote and Quill.
_MARK_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bold": "bold",
        "strong": "bold",
        "b": "bold",
        "italic": "italic",
        "em": "italic",
        "i": "italic",
        "strike": "strike",
        "strikethrough": "strike",
        "s": "strike",
        "code": "code",
    }
)


def marks_of(look: Mapping[str, Any] | None) -> Marks:
    """Return the marks that *look*, a text's format attributes, stands for; others are ignored."""
    if not look:
        return Marks()
    on: dict[str, bool] = {}
    link: str | None = None
    for name, value in look.items():
        if value is None or value is False:
            continue  # Editors also write formats that end.
        bare = name.partition("--")[0]  # y-prosemirror: a hash follows where marks may overlap.
        if bare in _MARK_NAMES:
            on[_MARK_NAMES[bare]] = True
        elif bare in ("link", "a"):
            link = safe_url(value.get("href") if isinstance(value, Mapping) else value)
    return Marks(**on, link=link)


def look_of(marks: Marks, *, is_xml: bool) -> dict[str, Any]:
    """Return the format attributes of *marks*, as Tiptap (*is_xml*) or Quill write them."""
    look: dict[str, Any] = {}
    for name in ("bold", "italic", "strike", "code"):
        if getattr(marks, name):
            look[name] = {} if is_xml else True
    if marks.link is not None:
        look["link"] = {"href": marks.link} if is_xml else marks.link
    return look
