"""``quota:USER``: how many messages a person has left today."""

from __future__ import annotations

from typing import Final

from collab.alarms import Ring
from collab.kind import Caller, Kind, Topic
from collab.quotas import permissions, rules
from collab.quotas.settings import QuotaSettings
from collab.quotas.state import (
    GetQuota,
    InheritQuota,
    MoveQuota,
    QuotaDayBegan,
    QuotaDoubted,
    QuotaHeld,
    QuotaInherited,
    QuotaMoved,
    QuotaReturned,
    QuotaSpent,
    QuotaState,
    ReturnHold,
    SpendHold,
    TakeHold,
)
from collab.timers import Rang

KIND_NAME: Final = "quota"


def _role_of(state: QuotaState, caller: Caller) -> str:
    return "self" if caller.user_id == state.key else "outsider"


def quota_kind(settings: QuotaSettings) -> Kind[QuotaState]:
    """Return the kind for *settings*."""
    quota = rules.QuotaRules(settings)
    return Kind(
        name=KIND_NAME,
        new_state=QuotaState,
        commands={},
        queries={GetQuota: quota.get},
        signals={
            TakeHold: quota.take,
            SpendHold: quota.spend,
            ReturnHold: quota.give_back,
            Ring: quota.doubt,
            Rang: quota.midnight,
            MoveQuota: quota.move,
            InheritQuota: quota.inherit,
        },
        events={
            QuotaHeld: rules.was_held,
            QuotaSpent: rules.was_spent,
            QuotaReturned: rules.was_returned,
            QuotaDoubted: rules.was_doubted,
            QuotaDayBegan: rules.day_began,
            QuotaMoved: rules.was_moved,
            QuotaInherited: rules.was_inherited,
        },
        topics={
            "quota": Topic(
                events=(QuotaHeld, QuotaReturned, QuotaDayBegan, QuotaMoved, QuotaInherited),
                snapshot_at=quota.shown,
            )
        },
        role_of=_role_of,
        permissions=permissions.QUOTA,
        signals_of=rules.signals_of,
        wakes_at=rules.wakes_at,
    )


QUOTA: Final = quota_kind(QuotaSettings())
