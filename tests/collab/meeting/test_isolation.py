"""Who sees and does what: the whole table, written out once more by hand."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType

import pytest

from collab.errors import Conflict, PermissionDenied
from collab.kind import Caller
from collab.meeting import MEETING
from collab.meeting.commands import Dismiss, Join, Leave
from collab.meeting.state import role_of
from collab.messages import DeleteAnyMessage, PostMessage
from collab.transcript.commands import AddChunks
from tests.collab.meeting.people import (
    ADA,
    ANN,
    BOT,
    EVE,
    HUGO,
    IVY,
    LEO,
    MALLORY,
    OLIVIA,
    SAM,
    absent,
    cancelled,
    ended,
    live,
    scheduled,
)
from tests.collab.transcript.chunks import chunk

LIFECYCLE = frozenset(
    {
        *("meeting.schedule", "meeting.update", "meeting.reschedule", "meeting.start"),
        *("meeting.end", "meeting.cancel", "meeting.transfer"),
    }
)
RULING = frozenset({"participants.invite", "participants.remove", "participants.set_role"})
COMING = frozenset({"participants.join", "participants.leave"})
SPEAKING = frozenset({"transcript.add", "transcript.add_many"})
WRITING = frozenset({"messages.post", "messages.edit", "messages.delete", "messages.react"})
NOTING = frozenset(
    {
        *("notes.edit", "notes.undo", "notes.redo", "notes.name_version", "notes.restore"),
        *("notes.merge_branch", "notes.discard_branch", "notes.import"),
    }
)
ABOUT = frozenset(
    {"meeting.get", "participants.list", "people.cards", "read:state", "read:participants"}
)
SPEECH = frozenset({"transcript.page", "transcript.range", "read:transcript"})
MESSAGES = frozenset({"messages.page", "messages.get", "messages.history", "read:messages"})
NOTES = frozenset(
    {
        *("notes.sync", "notes.versions", "notes.moments", "notes.at", "notes.authors"),
        *("notes.branches", "notes.branch", "notes.export", "read:notes"),
    }
)
READING = ABOUT | SPEECH | MESSAGES | NOTES

EXPECTED: Mapping[str, AbstractSet[str]] = MappingProxyType(
    {
        "founder": {"meeting.schedule"},
        "host": LIFECYCLE
        | RULING
        | COMING
        | SPEAKING
        | WRITING
        | NOTING
        | {"messages.delete_any"}
        | READING,
        "speaker": COMING | SPEAKING | WRITING | NOTING | READING,
        "attendee": COMING | WRITING | NOTING | READING,
        "transcriber": COMING | SPEAKING | ABOUT | SPEECH | NOTES,
        "invited": COMING | {"meeting.get"},
        "left": {"participants.join"},
        "org_admin": {
            *("meeting.end", "meeting.cancel", "meeting.transfer", "participants.join"),
            *RULING,
            *ABOUT,
        },
        "archivist": {"participants.remove"} | READING,
        "outsider": set(),
    }
)


@pytest.mark.parametrize("role", EXPECTED)
def test_a_role_may_do_exactly_what_is_written_here(role: str) -> None:
    """[M3.1] Deny is the default: every action of the kind, allowed or refused."""
    allowed = MEETING.permissions.get(role, frozenset())
    for action in MEETING.actions:
        assert (action in allowed) == (action in EXPECTED[role]), action


def test_every_action_and_every_role_is_in_the_table() -> None:
    """[M3.1] Nothing is forgotten, nothing is left over."""
    assert MEETING.allowed == MEETING.actions
    assert set(MEETING.permissions) | {"outsider"} == set(EXPECTED)


@pytest.mark.parametrize(
    ("who", "role"),
    [
        (OLIVIA, "host"),
        (HUGO, "host"),
        (SAM, "speaker"),
        (ANN, "attendee"),
        (BOT, "transcriber"),
        (IVY, "invited"),
        (LEO, "left"),
        (MALLORY, "outsider"),
        (ADA, "org_admin"),
        (EVE, "outsider"),
        (Caller("x", org_id="acme", org_role="member"), "outsider"),
        (Caller("sam", org_id="acme", org_role="admin"), "speaker"),
        (Caller("ivy", org_id="acme", org_role="admin"), "org_admin"),
    ],
)
def test_a_caller_has_one_role_by_standing_and_organisation(who: Caller, role: str) -> None:
    """[M3.1] A participant's role goes before an admin's."""
    assert role_of(live().state, who) == role
    assert role_of(scheduled().state, who) == role
    assert role_of(absent().state, who) == "founder"


@pytest.mark.parametrize("topic", ["state", "participants", "transcript", "messages"])
def test_leaving_and_removal_shut_out_in_that_very_event(topic: str) -> None:
    """[M3.2] The event names whose subscriptions end; what comes after is refused to them."""
    meeting = live()
    meeting.snapshot(SAM, topic)
    meeting.do(SAM, Leave())
    meeting.do(HUGO, Dismiss(user_id="ann"))
    assert meeting.shut_out[-2:] == ["sam", "ann"]
    for who in (SAM, ANN):
        with pytest.raises(PermissionDenied):
            meeting.snapshot(who, topic)
        with pytest.raises(PermissionDenied):
            meeting.do(who, PostMessage(text="still here?"))


def test_an_admin_reads_the_record_only_after_the_end() -> None:
    """[M3.4] During the meeting what is said reaches participants only."""
    for meeting in (ended(), cancelled()):
        for topic in ("state", "participants", "transcript", "messages"):
            meeting.snapshot(ADA, topic)
            meeting.snapshot(ANN, topic)
            for who in (IVY, LEO, MALLORY, EVE):
                with pytest.raises(PermissionDenied):
                    meeting.snapshot(who, topic)
    for topic in ("transcript", "messages"):
        with pytest.raises(PermissionDenied):
            live().snapshot(ADA, topic)


# ---------------------------------------------------------------- speech


def test_nobody_writes_down_another_persons_speech_but_a_transcriber() -> None:
    """[R1.2] Hosts and speakers: their own, or a label that is nobody's here."""
    meeting = live()
    for speaker in ("ann", "ivy", "leo", "olivia"):
        with pytest.raises(PermissionDenied):
            meeting.do(SAM, chunk("s1", 0, 900, speaker=speaker))
        with pytest.raises(PermissionDenied):
            meeting.do(SAM, AddChunks(chunks=[chunk("s1", 0, 900, speaker=speaker)]))
    with pytest.raises(PermissionDenied):
        meeting.do(OLIVIA, chunk("s1", 0, 900, speaker="sam"))
    with pytest.raises(PermissionDenied):
        meeting.do(ANN, chunk("s1", 0, 900, speaker="ann"))
    meeting.do(SAM, chunk("s1", 0, 900, speaker="sam"))
    meeting.do(SAM, chunk("s2", 0, 900, speaker="Speaker 2"))
    meeting.do(BOT, chunk("s3", 0, 900, speaker="ann"))


# ---------------------------------------------------------------- messages


def test_messages_are_written_while_the_meeting_is_open() -> None:
    """[M6.1] Before the start and during; transcribers and the uninvited write none."""
    for meeting in (scheduled(), live()):
        for who in (OLIVIA, SAM, ANN):
            meeting.do(who, PostMessage(text="hello"))
        for who in (BOT, IVY, LEO, MALLORY, ADA):
            with pytest.raises(PermissionDenied):
                meeting.do(who, PostMessage(text="hello"))
    for meeting in (ended(), cancelled()):
        with pytest.raises(Conflict):
            meeting.do(OLIVIA, PostMessage(text="hello"))


def test_hosts_moderate_messages() -> None:
    """[M6.2] A host deletes anybody's message; others only their own."""
    meeting = live()
    message_id = meeting.do(ANN, PostMessage(text="spam"))["id"]
    with pytest.raises(PermissionDenied):
        meeting.do(SAM, DeleteAnyMessage(id=message_id))
    meeting.do(HUGO, DeleteAnyMessage(id=message_id))


# ---------------------------------------------------------------- development


def dev(user_id: str) -> Caller:
    return Caller(user_id, is_dev=True)


def test_the_first_developer_gets_a_live_meeting_and_the_next_ones_speak() -> None:
    """[M5.1] Opening creates and starts it; the first is owner and host, the others speakers."""
    meeting = absent()
    for user_id in ("ann", "bob", "cleo"):
        who = dev(user_id)
        meeting.happen(user_id, MEETING.welcome(meeting.state, who, meeting.context(who)))
    assert (meeting.state.status, meeting.state.title, meeting.state.owner_id) == (
        *("live", "m", "ann"),
    )
    roles = {user_id: person.role for user_id, person in meeting.state.people.items()}
    assert roles == {"ann": "host", "bob": "speaker", "cleo": "speaker"}
    for user_id in ("ann", "bob", "cleo"):
        who = dev(user_id)
        assert not MEETING.welcome(meeting.state, who, meeting.context(who))


def test_developers_are_not_let_in_against_the_rules_that_they_want_to_see() -> None:
    """[M5.2] Not after leaving, removal or the end; the invited come as what they were invited."""
    meeting = live()
    meeting.do(HUGO, Dismiss(user_id="sam"))
    for who in (dev("sam"), dev("leo")):
        assert not MEETING.welcome(meeting.state, who, meeting.context(who))
    welcome = MEETING.welcome(meeting.state, dev("ivy"), meeting.context(dev("ivy")))
    meeting.happen("ivy", welcome)
    assert role_of(meeting.state, IVY) == "attendee"
    late = dev("late")
    assert not MEETING.welcome(ended().state, late, meeting.context(late))


def test_nobody_is_let_in_without_a_development_token() -> None:
    """[M5.2] Whatever the state of the meeting."""
    for meeting in (absent(), scheduled(), live(), ended()):
        assert not MEETING.welcome(meeting.state, MALLORY, meeting.context(MALLORY))
    with pytest.raises(PermissionDenied):
        live().do(MALLORY, Join())
