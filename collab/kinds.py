"""The kinds that every server has, and those that an operator adds by name."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from attrs import define

from collab.audit.kind import AUDIT
from collab.chat import CHAT
from collab.flags import FLAGS
from collab.keyring import KEYS
from collab.kind import Kind
from collab.meeting import MEETING
from collab.preferences import PREFERENCES, with_feedback
from collab.quotas import QUOTA
from collab.standing.kind import STANDING
from collab.timers import TIMERS
from collab.user import USER

BUILT_IN: Final[tuple[Kind[Any], ...]] = (
    MEETING,
    with_feedback(CHAT),
    USER,
    AUDIT,
    STANDING,
    TIMERS,
    FLAGS,
    QUOTA,
    KEYS,
    PREFERENCES,
)


@define(eq=False)
class KindUnusable(Exception):
    """A name given for a kind of one's own leads to no kind."""

    name: str
    problem: str

    def __str__(self) -> str:
        return f"--kinds {self.name}: {self.problem}"


def load_kinds(names: Iterable[str]) -> list[Kind[Any]]:
    """Import kinds named ``module:ATTRIBUTE``; modules are also looked for in this folder.

    Raises:
      KindUnusable: no such module or attribute, it is no ``Kind``, or its name is taken.
    """
    taken = {kind.name for kind in BUILT_IN}
    kinds = []
    for name in names:
        kind = _load(name)
        if kind.name in taken:
            raise KindUnusable(name, f"there is a kind {kind.name} already")
        taken.add(kind.name)
        kinds.append(kind)
    return kinds


def _load(name: str) -> Kind[Any]:
    module_name, colon, attribute = name.partition(":")
    if not (module_name and colon and attribute):
        raise KindUnusable(name, "give module:ATTRIBUTE, such as checklist:CHECKLIST")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        kind = getattr(import_module(module_name), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise KindUnusable(name, str(error)) from error
    if not isinstance(kind, Kind):
        raise KindUnusable(name, f"it is a {type(kind).__name__}, not a collab.kind.Kind")
    return kind
