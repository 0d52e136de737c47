"""A small recorded meeting of our own writing, for ``collab demo``."""

from __future__ import annotations

from typing import Final, Literal

from attrs import frozen

Deed = Literal["say", "post", "react", "type"]


@frozen
class Line:
    """Who does what, and when. ``text`` is what is said, posted or typed, or the emoji."""

    at_ms: int
    who: str
    deed: Deed
    text: str


PEOPLE: Final = ("mira", "tomas", "ines")  # The first one opens the meeting.
TITLE: Final = "Lighthouse open day"

SAMPLE: Final = (
    Line(0, "mira", "say", "Good morning. Four weeks until the open day, so let us be quick."),
    Line(600, "ines", "type", "# Lighthouse open day\n\n"),
    Line(2_400, "ines", "type", "Four weeks to go.\n\n"),
    Line(3_200, "tomas", "say", "The stairs worry me. Forty people at once is too many."),
    Line(6_400, "ines", "post", "Last year we let in twelve every quarter of an hour."),
    Line(7_600, "mira", "react", "👍"),
    Line(8_200, "mira", "say", "Twelve, then. Who stands at the door and counts?"),
    Line(9_600, "mira", "type", "## Door\n"),
    Line(11_000, "tomas", "say", "I can, until noon. After that I have the boat."),
    Line(13_600, "ines", "say", "I take the afternoon, if somebody brings me soup."),
    Line(14_400, "tomas", "type", "- until noon: Tomas\n"),
    Line(15_400, "ines", "type", "- afternoon: Ines (soup!)\n"),
    Line(16_200, "mira", "post", "Door: Tomas until 12, Ines after. Soup for Ines: me."),
    Line(17_200, "ines", "react", "🍲"),
    Line(18_000, "tomas", "say", "And if it rains, nobody sees the far shore anyway."),
    Line(19_200, "mira", "type", "\n## If it rains\n"),
    Line(20_600, "ines", "say", "Then we show the lamp. Children like the lamp better."),
    Line(22_000, "tomas", "type", "- show the lamp, twelve at a time\n"),
    Line(23_200, "mira", "say", "Good. I write to the school today. Thank you both."),
)
