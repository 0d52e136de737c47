"""Makes the messages of a kind count: chats with a quota.

Nothing of it is in the chat's own rules. A message that counts asks ``quota:AUTHOR`` first, and
the event that posts it has one beside it, in the same transaction, that spends the hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from attrs import evolve, frozen

from collab.kind import Ask, Context, Kind, Outcome, Signal, Stamp
from collab.messages import PostMessage
from collab.quotas.settings import QuotaSettings
from collab.quotas.state import ReturnHold, SettleHold, SpendHold, TakeHold

S = TypeVar("S")


@frozen(kw_only=True)
class MessageCharged:
    """The message beside this event counts: it spends a hold of ``user_id``'s."""

    TAG: ClassVar[str] = "message.charged"

    hold_id: str
    user_id: str


@frozen(kw_only=True)
class HoldUnspent:
    """No message came with this hold, and none will: it is out of date."""

    TAG: ClassVar[str] = "message.hold_unspent"

    hold_id: str
    user_id: str


def _settle(_state: object, command: SettleHold, _context: Context) -> Outcome:
    """Give a hold back. If it was spent, that was told before, and this changes nothing there."""
    return Outcome([HoldUnspent(hold_id=command.id, user_id=command.user_id)])


def _noted(_state: object, _event: object, _stamp: Stamp) -> None:
    """Nothing in the chat depends on it."""


def with_quota(kind: Kind[S], settings: QuotaSettings) -> Kind[S]:
    """Return *kind*, whose messages count as *settings* say.

    Its state has a ``model``, which a message may override. Where no pool is limited nothing is
    asked, but what was asked before is still settled.
    """
    post, signals_of = kind.commands[PostMessage], kind.signals_of

    def post_within_quota(state: Any, command: PostMessage, context: Context) -> Outcome:
        """Post it, if its author has one left today.

        Raises:
          CollabError: as without a quota; then nothing was counted.
          NoneLeft: none is left today.
        """
        user_id = context.caller.user_id
        pool = settings.pool_of(context.caller, command.model or state.model)
        outcome = post(state, command, context)
        if pool is None:
            return outcome
        answer = context.answer
        if answer is None or context.now_ms >= answer["until_ms"]:
            return Outcome(ask=Ask(f"quota:{user_id}", TakeHold(pool=pool)))
        charged = MessageCharged(hold_id=answer["id"], user_id=user_id)
        return Outcome([*outcome.events, charged], outcome.value)

    def signals_with_quota(state: S, event: Any, stamp: Stamp) -> Sequence[Signal]:
        if isinstance(event, MessageCharged):
            return [Signal(f"quota:{event.user_id}", SpendHold(id=event.hold_id))]
        if isinstance(event, HoldUnspent):
            return [Signal(f"quota:{event.user_id}", ReturnHold(id=event.hold_id))]
        return signals_of(state, event, stamp)

    return evolve(
        kind,
        commands={**kind.commands, PostMessage: post_within_quota},
        signals={**kind.signals, SettleHold: _settle},
        events={**kind.events, MessageCharged: _noted, HoldUnspent: _noted},
        signals_of=signals_with_quota,
    )
