"""One thing that an issuer tells about one person."""

from __future__ import annotations

from typing import Final

from attrs import frozen

PERSON: Final = ""  # What a change is about that is about all of the person.
_SESSION: Final = "~"  # Before a session's id; no organisation's id of ours begins with it.


@frozen(kw_only=True)
class Change:
    """At *at_ms* (Unix time, the issuer's clock) this became so.

    ===========  ========  ==============  ======================================================
    ``org_id``   ``role``  ``session_id``
    ===========  ========  ==============  ======================================================
    None         None      None            every token of the user from before is void (removed,
                                           banned)
    None         None      an id           every token of that session is void
    an id        None      None            the user is not in the organisation any more
    an id        a word    None            the user's role there
    ===========  ========  ==============  ======================================================

    Ids of users and organisations are ours: with the issuer's name before them.
    """

    user_id: str
    at_ms: int
    org_id: str | None = None
    role: str | None = None
    session_id: str | None = None

    @property
    def about(self) -> str:
        """What it is about; a newer change about the same takes its place."""
        return about_session(self.session_id) if self.session_id else self.org_id or PERSON


def about_session(session_id: str) -> str:
    """Return what a change is about that ends the session *session_id*."""
    return _SESSION + session_id
