"""How one wire subscription serves many followers: who takes part in a round, and where it starts.

A connection has one subscription per target, followers have many wishes: other topics, other
places to start. So the feed goes in *rounds*. A round subscribes to the union of all topics at one
place, and serves every follower that stands at or beyond it; each follower skips what it has. As
long as somebody is not served, another round follows from that follower's place. A snapshot or
reset goes only to those that need it, so nobody who can go on is ever thrown back.
"""

from __future__ import annotations

from collections.abc import Sequence

from protocol.client._follower import Inbox
from protocol.messages import Cursor, Reset, Snapshot


def admitted(inboxes: Sequence[Inbox], *, singly: bool) -> list[Inbox]:
    """Return who takes part in the next round; *singly*: at most one whose topics are new."""
    able = [inbox for inbox in inboxes if not inbox.is_lagging]
    pending = [inbox for inbox in able if not inbox.is_accepted]
    if not singly or len(pending) < 2:
        return able
    return [inbox for inbox in able if inbox.is_accepted] + pending[:1]


def start_of(group: Sequence[Inbox], epoch: str | None) -> Cursor | None:
    """Return where a round for *group* starts; *epoch* is that of the server's newest answer.

    First those that need a snapshot (None); then a place that somebody brought along and that the
    server must confirm; then places in a history that is no more; then the oldest place.
    """
    if any(inbox.epoch is None for inbox in group):
        return None
    unproven = [inbox for inbox in group if not inbox.is_proven]
    stale = [inbox for inbox in group if inbox.epoch != epoch]
    first = (unproven or stale or group)[0]
    alike = [inbox for inbox in (unproven or group) if inbox.epoch == first.epoch]
    # An unproven place may lie ahead of the history: the furthest one proves the others.
    choose = max if unproven else min
    return choose(alike, key=lambda inbox: inbox.seq).position


def is_cut_off(inbox: Inbox, sent: Cursor | None, answer: Snapshot | Reset) -> bool:
    """Say whether a reset, the *answer* to a round from *sent*, holds for *inbox* too."""
    if sent is None or inbox.epoch != sent.epoch:
        return False
    if answer.epoch != sent.epoch or inbox.seq > answer.seq:
        return True  # Its history is no more, or it stands where nothing has happened yet.
    return inbox.seq == sent.seq
