"""Events from before a field was added to their class."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgpack  # type: ignore[import-untyped]
from attrs import evolve, field, frozen

from collab.envelope import EventCodec
from collab.kind import Kind
from tests.conformance.pad import PAD, LineAdded, PadState


@frozen(kw_only=True)
class Line:
    """What ``pad.added`` became in a later version."""

    TAG: ClassVar[str] = "pad.added"

    text: str
    colour: str = "black"
    marks: list[str] = field(factory=list)


LATER: Final[Kind[PadState]] = evolve(
    PAD,
    events={Line: PAD.events[LineAdded]},
    topics={"lines": evolve(PAD.topics["lines"], events=(Line,))},
)


def shown(held: dict[str, Any]) -> Any:
    codec = EventCodec(LATER)
    payload = msgpack.packb({"t": "pad.added", "b": "ann", "a": 1, "d": held})
    return codec.show(7, codec.decode(payload)).fields["data"]


def test_an_older_event_is_shown_with_the_defaults_of_newer_fields() -> None:
    """[P11.12] However it is read, an event has every field that its class has."""
    assert shown({"text": "x"}) == {"text": "x", "colour": "black", "marks": []}


def test_a_newer_event_is_shown_as_it_was_stored() -> None:
    """[P11.12] What has all of its fields is handed on as it is."""
    held = {"text": "x", "colour": "red", "marks": ["a"]}
    assert shown(held) == held
