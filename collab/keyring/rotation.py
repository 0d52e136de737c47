"""A fresh master key, with which everything is sealed anew; then the old one is forgotten.

A crash at any point loses nothing: old keys stay until every key of every user was durably sealed
with the new one, and another run goes on where this one ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from actors import ActorSystem
from collab.keyring.kind import KIND_NAME
from collab.keyring.master import MasterKeys, SealBroken, Sealed
from collab.keyring.state import FetchSealed, Reseal
from collab.requests import Done, Receive

_SOURCE: Final = "keyring:rotation"  # Who asks; no kind has this name.
_TIMEOUT_S: Final = 30.0


async def provider_key(
    system: ActorSystem, master: MasterKeys, user_id: str, provider: str
) -> str | None:
    """Return a user's key, for a call to its provider and nothing else; None: there is none.

    Raises:
      SealBroken: it does not open.
      ActorError, JournalError: it cannot be read.

    Cancelled: nothing happened.
    """
    for name, kid, box in await _fetch(system, user_id):
        if name == provider:
            return master.open_sealed(user_id, provider, Sealed(kid, box))
    return None


async def reseal_all(
    system: ActorSystem, master: MasterKeys, user_ids: Iterable[str]
) -> tuple[int, list[str]]:
    """Seal with the active master key whatever another one sealed.

    Returns how many were sealed anew, and which do not open, as ``USER PROVIDER``: somebody has
    changed or moved them, and no rotation makes them worse.

    Cancelled: some were sealed anew and others not; all of them still open.
    """
    count, broken = 0, []
    for user_id in user_ids:
        for provider, kid, box in await _fetch(system, user_id):
            if kid == master.active:
                continue
            try:
                secret = master.open_sealed(user_id, provider, Sealed(kid, box))
            except SealBroken:
                broken.append(f"{user_id} {provider}")
                continue
            sealed = master.seal(user_id, provider, secret)
            await _ask(
                system,
                user_id,
                Reseal(provider=provider, was=box, kid=sealed.kid, box=sealed.box),
            )
            count += 1
    return count, broken


async def _fetch(system: ActorSystem, user_id: str) -> list[tuple[str, str, bytes]]:
    held: Any = await _ask(system, user_id, FetchSealed())
    return list(held)


async def _ask(system: ActorSystem, user_id: str, question: object) -> object:
    ref = system.ref(KIND_NAME, user_id)
    answer: object = await ref.ask(Receive(_SOURCE, question), timeout_s=_TIMEOUT_S)
    assert isinstance(answer, Done)
    return answer.value
