"""One thing that an issuer tells about one person."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Change:
    """At *at_ms* (Unix time, the issuer's clock) this became so.

    ===========  ========  =====================================================================
    ``org_id``   ``role``
    ===========  ========  =====================================================================
    None         None      every token of the user from before is void (removed, banned, revoked)
    an id        None      the user is not in the organisation any more
    an id        a word    the user's role there
    ===========  ========  =====================================================================

    Ids are ours: with the issuer's name before them.
    """

    user_id: str
    at_ms: int
    org_id: str | None = None
    role: str | None = None
