"""One side of a connection, and how it follows the other side. Pure: numbers in, numbers out.

Two people, two actors, and nothing between them but signals that come late, twice, or not at all
if a newer one took their place. So no side ever tells what *happened*; it tells its register::

    attempt  a number that grows whenever one side ends what there was
    wants    whether this side wants the connection, in this attempt; never taken back within one
    heard    the newest attempt in which this side heard that the other one wants it

A register only grows (attempts first, then wishes), so only its newest state matters, and a signal
that is old or comes again changes nothing: a join semilattice, as in state-based CRDTs (Shapiro
et al., 2011). They are connected if both want it in the same attempt. To end anything (decline,
withdraw, remove, block) is to begin another attempt without a wish; whoever hears of a newer one
gives up their wish of the older one.

With one exception. A request that the other side had not heard of when it began the new attempt
was not answered by it: it is made again, in the new one. So two requests that cross connect,
although they began different attempts, and a request is not lost to a withdrawal that it crossed.
An *acceptance* that crosses a withdrawal is no request, and goes.

Attempts are Unix milliseconds, pushed up where the clock does not move on. So a side may forget a
connection that is over, and later begin an attempt newer than any that the other remembers.

Blocking is nobody else's business: it is never told. The other side hears what it would hear of a
removal or a refusal, and later requests stay unanswered, as those to somebody who never looks.
"""

from __future__ import annotations

from typing import Final

from attrs import define, evolve

NONE: Final = "none"
SENT: Final = "sent"
RECEIVED: Final = "received"
CONNECTED: Final = "connected"
BLOCKED: Final = "blocked"
STANDINGS: Final = (SENT, RECEIVED, CONNECTED, BLOCKED)


@define
class Link:
    """What one person holds of a connection to another."""

    attempt: int = 0  # 0: there was never anything.
    wants: bool = False
    they_want: bool = False  # In this attempt, as far as we heard.
    heard: int = 0
    is_blocked: bool = False
    since_ms: int = 0  # Of the standing.

    @property
    def standing(self) -> str:
        """Return where the two stand, as this side sees it."""
        if self.is_blocked:
            return BLOCKED
        if self.wants:
            return CONNECTED if self.they_want else SENT
        return RECEIVED if self.they_want else NONE


def with_wish(link: Link, now_ms: int) -> Link:
    """Return *link* with the wish to connect: a request, or the answer to one."""
    return evolve(link, wants=True, attempt=link.attempt or max(now_ms, 1))


def ended(link: Link, now_ms: int) -> Link:
    """Return *link* in a new attempt, in which nobody wants anything yet."""
    return evolve(link, wants=False, they_want=False, attempt=max(now_ms, link.attempt + 1))


def blocked(link: Link, now_ms: int) -> Link:
    """Return *link* blocked; what there was, if anything, is ended."""
    open_or_new = ended(link, now_ms) if link.wants or link.they_want else link
    return evolve(open_or_new, is_blocked=True)


def unblocked(link: Link, now_ms: int) -> Link:
    """Return *link* as of two who never met; what was asked meanwhile is ended with it."""
    return evolve(ended(link, now_ms) if link.they_want else link, is_blocked=False)


def after_hearing(link: Link, *, attempt: int, wants: bool, heard: int) -> Link:
    """Return *link* after the other side told its register; an old one changes nothing."""
    if attempt < link.attempt:
        return link
    newest = attempt if wants else link.heard
    if attempt == link.attempt:
        return evolve(link, they_want=link.they_want or wants, heard=newest)
    is_unanswered = link.wants and not link.they_want and heard < link.attempt
    return evolve(link, attempt=attempt, wants=is_unanswered, they_want=wants, heard=newest)
