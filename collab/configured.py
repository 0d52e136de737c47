"""The kinds of one server, as its settings make them."""

from __future__ import annotations

from typing import Any

from collab.audit.kind import audit_kind
from collab.chat import CHAT
from collab.config import Config
from collab.flags import flags_kind
from collab.keyring import MasterKeys, keys_kind
from collab.kind import Kind
from collab.kinds import BUILT_IN, load_kinds
from collab.operators import Operators
from collab.preferences import with_feedback
from collab.quotas import QuotaSettings, quota_kind, with_quota
from collab.timers import timers_kind


def configured_kinds(config: Config, master: MasterKeys | None) -> tuple[Kind[Any], ...]:
    """Return the built-in kinds as *config* says, and the operator's own.

    Args:
      master: seals people's provider keys; None: none are taken.

    Raises:
      KindUnusable: ``--kinds`` names something that is no kind.
    """
    operators = Operators(frozenset(config.admins))
    quotas = QuotaSettings(
        anonymous=config.quota_anonymous,
        signed_in=config.quota_signed_in,
        pro=config.quota_pro,
        pro_models=frozenset(config.pro_models),
        zone=config.quota_zone,
    )
    made: list[Kind[Any]] = [
        audit_kind(operators),
        flags_kind(operators),
        timers_kind(operators),
        keys_kind(master),
        quota_kind(quotas),
        with_feedback(with_quota(CHAT, quotas)),
    ]
    by_name = {kind.name: kind for kind in made}
    own = load_kinds(config.kinds)
    return (*(by_name.get(kind.name, kind) for kind in BUILT_IN), *own)
