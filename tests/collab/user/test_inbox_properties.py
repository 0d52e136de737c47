"""The inbox's numbers are kept while everything changes; counted anew they are the same."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from collab.errors import CollabError
from collab.user import USER
from collab.user.commands import Archive, CountItem, ListItem, Pin, Read, UnlistItem, Welcome
from collab.user.connections.commands import BlockPerson, UnblockPerson
from collab.user.state import UserState
from tests.collab.messages.stage import Stage

TARGETS: Final = ("chat:a", "chat:b", "meeting:c")
STEPS: Final = st.lists(
    st.tuples(
        st.sampled_from(
            ["list", "join", "unlist", "count", "read", "archive", "pin", "welcome", "block"]
        ),
        st.sampled_from(TARGETS),
        st.integers(0, 6),
    ),
    max_size=30,
)


def play(stage: Stage[UserState], step: tuple[str, str, int], version: int) -> None:
    """Do one thing; what is refused changes nothing."""
    what, target, n = step
    if what in ("list", "join"):
        signal = ListItem(
            kind="meeting" if target.startswith("meeting") else "chat",
            target=target,
            title="t",
            status="open",
            role="editor",
            at_ms=n,
            version=version,
            standing="joined" if what == "join" else "invited",
            by="eve",
            invited_by="eve" if n % 2 else "carl",
            count=n,
        )
        stage.receive(signal)
    elif what == "unlist":
        stage.receive(UnlistItem(target=target, at_ms=n, version=version))
    elif what == "count":
        stage.receive(CountItem(target=target, count=version, seen=n))
    else:
        command = {
            "read": Read(target=target),
            "archive": Archive(target=target, on=n < 4),
            "pin": Pin(target=target, on=n < 4),
            "welcome": Welcome(target=target),
            "block": BlockPerson(user_id="eve") if n < 3 else UnblockPerson(user_id="eve"),
        }[what]
        with suppress(CollabError):
            stage.do("ann", command)


@settings(max_examples=250, deadline=None)
@given(STEPS)
def test_what_waits_is_what_the_items_say(steps: list[tuple[str, str, int]]) -> None:
    """[U6.16] After every step, and the same after a replay or from a snapshot."""
    stage: Stage[UserState] = Stage(USER, "ann")
    for version, step in enumerate(steps, 1):
        play(stage, step, version)
        anew: Counter[str] = Counter()
        for entry in stage.state.items.values():
            anew.update(entry.waits)
        assert +stage.state.waiting == +anew
        assert stage.state.requests == {t for t, e in stage.state.items.items() if e.is_request}
    for other in (stage.replayed(), stage.restored()):
        assert other == stage.state
        assert +other.waiting == +stage.state.waiting
