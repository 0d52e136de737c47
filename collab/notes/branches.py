"""Recovery branches: history that the document does not know, kept for somebody to decide on.

::

    edit with unknown history --> kept (blob in a row) --notes.merge_branch--> merged
                                                       \\--notes.discard_branch--> discarded

A branch is inert. Merging does not take its structs over, under ids that are not the merger's: it
makes the document look like it and the branch merged, as one edit of whoever merges.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from collab.errors import NotFound
from collab.kind import Context, Outcome, Put, Reader, Remove, Stamp
from collab.limits import NOTES_BRANCHES_MAX, NOTES_BRANCHES_PER_USER_MAX
from collab.notes.admission import UnknownHistory
from collab.notes.commands import (
    BranchDiscarded,
    BranchKept,
    BranchMerged,
    BranchOpened,
    DiscardBranch,
)
from collab.notes.errors import NotesBranched, NotesForeignClient
from collab.notes.state import Branch, HasNotes, NotesLog
from collab.notes.writing import written

BRANCHES: Final = "notes_branches"  # Listing; position = id.


def keep(log: NotesLog, update: bytes, verdict: UnknownHistory, context: Context) -> Outcome:
    """Keep *update* as a branch; whoever sent it is refused all the same.

    Raises:
      NotesForeignClient: there is no room for another branch. Nothing was kept.
      NotesBranched: the same history was kept before.
    """
    user_id, digest = context.caller.user_id, digest_of(update)
    for branch in log.branches.values():
        if branch.digest == digest and branch.by == user_id:
            raise _refusal(branch.id, verdict)
    mine = sum(branch.by == user_id for branch in log.branches.values())
    if mine >= NOTES_BRANCHES_PER_USER_MAX or len(log.branches) >= NOTES_BRANCHES_MAX:
        raise NotesForeignClient(
            "it writes under another user's client id, and there is no room to keep it as a branch"
        )
    branch_id = context.seq + 1
    return Outcome(
        [BranchKept(content=update), BranchOpened(id=branch_id, size=len(update))],
        refusal=_refusal(branch_id, verdict),
    )


def _refusal(branch_id: int, verdict: UnknownHistory) -> NotesBranched | NotesForeignClient:
    if verdict.is_foreign:
        return NotesForeignClient(
            f"it writes under another user's client id; it was kept as branch {branch_id}"
        )
    return NotesBranched(branch_id)


def digest_of(content: bytes) -> bytes:
    """Return what tells one branch's content from another's."""
    return hashlib.blake2b(content, digest_size=16).digest()


def discard(state: HasNotes, command: DiscardBranch, _context: Context) -> Outcome:
    """Let a branch go.

    Raises:
      NotFound: there is no such branch.
    """
    find(state.notes, command.id)
    return Outcome([BranchDiscarded(id=command.id)], {})


def find(log: NotesLog, branch_id: int) -> Branch:
    """Return a branch that waits. Raises: NotFound."""
    branch = log.branches.get(branch_id)
    if branch is None:
        raise NotFound(f"there is no branch {branch_id}")
    return branch


async def read_branch(log: NotesLog, branch_id: int, reader: Reader, owner: str) -> bytes:
    """Return a branch as it was sent.

    Raises:
      NotFound: there is no such branch.

    Cancelled: nothing happened.
    """
    find(log, branch_id)
    items = await reader.get(owner, BRANCHES, [branch_id])
    if not items:
        raise NotFound(f"branch {branch_id} was let go just now")
    return items[0].value


# ---------------------------------------------------------------- evolve


def kept(state: HasNotes, event: BranchKept, stamp: Stamp) -> None:
    """Remember whose it is, and what it weighs."""
    state.notes.branches[stamp.seq] = Branch(
        stamp.seq, stamp.by, stamp.at_ms, len(event.content), digest_of(event.content)
    )


def opened(_state: HasNotes, _event: BranchOpened, _stamp: Stamp) -> None:
    """Subscribers are told; the event before it has done the rest."""


def merged(state: HasNotes, event: BranchMerged, stamp: Stamp) -> None:
    """Take the edit in; the branch is done with."""
    state.notes.branches.pop(event.id, None)
    written(state, event, stamp)


def discarded(state: HasNotes, event: BranchDiscarded, _stamp: Stamp) -> None:
    """Forget it."""
    state.notes.branches.pop(event.id, None)


def rows(event: Any, stamp: Stamp) -> Sequence[Put | Remove]:
    """Return what a branch's event stores or removes."""
    kind = type(event)
    if kind is BranchKept:
        return [Put(BRANCHES, stamp.seq, event.content)]
    if kind in (BranchMerged, BranchDiscarded):
        return [Remove(BRANCHES, event.id)]
    return ()
