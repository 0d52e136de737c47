"""The product's limits, small for one run: rare paths become common ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

from pycrdt import Doc

import actors
import collab.app
import collab.audience
import collab.client.live_notes
import collab.following
import collab.live
import protocol.deadlines
import protocol.outbox
from tests.simulation.script import Knobs

_TICK_S = 0.25  # Deadlines may be noticed so late: every tick is a turn, and turns are what costs.
HARD_SHARE = 16  # Of the soft bound: when a client that does not read is closed.


def _new_doc_class() -> type[Doc[Any]]:
    """Return a document whose client ids are counted, not drawn: a run must be repeatable."""
    numbers = iter(range(1, 2**31))

    class NumberedDoc(Doc[Any]):
        def __init__(self) -> None:
            super().__init__(client_id=next(numbers))

        def __class_getitem__(cls, _item: object) -> Any:
            return cls

    return NumberedDoc


def _actor_kind(knobs: Knobs) -> Any:
    def make(**fields: Any) -> actors.ActorKind:
        return actors.ActorKind(**fields, snapshot_every=knobs.snapshot_every)

    return make


@contextmanager
def tuned(knobs: Knobs) -> Iterator[None]:
    """Set the bounds of *knobs* while the block runs."""
    soft = knobs.outbox_soft_bytes
    messages_state = import_module("collab.messages.state")  # Behind its package's face.
    settings: list[tuple[ModuleType, str, Any]] = [
        (protocol.deadlines, "DEADLINE_TICK_S", _TICK_S),
        (protocol.outbox, "OUTBOX_SOFT_BYTES", soft),
        (protocol.outbox, "OUTBOX_FULL_BYTES", 4 * soft),
        (protocol.outbox, "OUTBOX_HARD_BYTES", HARD_SHARE * soft),
        (collab.audience, "RING_EVENTS_MAX", knobs.ring_len),
        (collab.live, "CATCH_UP_EVENTS_MAX", knobs.catch_up_max),
        (collab.following, "CATCH_UP_EVENTS_MAX", knobs.catch_up_max),
        (collab.following, "CATCH_UP_PAGE_EVENTS_MIN", knobs.page_len),
        (messages_state, "MESSAGE_TAIL_MAX", knobs.message_tail_len),
        (collab.app, "ActorKind", _actor_kind(knobs)),
        (collab.client.live_notes, "Doc", _new_doc_class()),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in settings]
    try:
        for module, name, value in settings:
            assert hasattr(module, name)
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)
