"""``keys:USER``: a person's keys for providers of models. They come in and are never shown again.

A key is sealed before its command is decided, so the rules and the journal see only what is sealed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from collab.errors import Conflict, LimitExceeded
from collab.keyring import permissions
from collab.keyring.limits import KEYS_PER_USER_MAX
from collab.keyring.master import MasterKeys
from collab.keyring.state import (
    FetchSealed,
    KeyRemoved,
    KeySealed,
    KeySet,
    KeysState,
    ListKeys,
    RemoveKey,
    Reseal,
    SetKey,
    StoredKey,
)
from collab.kind import Answer, Caller, Context, Kind, Outcome, Reader, Stamp, Topic

KIND_NAME: Final = "keys"


def _role_of(state: KeysState, caller: Caller) -> str:
    return "self" if caller.user_id == state.key else "outsider"


def _set(state: KeysState, command: SetKey, _context: Context) -> Outcome:
    """Store what was sealed.

    Raises:
      Conflict: this server keeps no keys.
      LimitExceeded: there are too many.
    """
    found = command.findings
    if found.sealed is None:
        raise Conflict("this server keeps no provider keys")
    if command.provider not in state.keys and len(state.keys) >= KEYS_PER_USER_MAX:
        raise LimitExceeded(f"{KEYS_PER_USER_MAX} keys can be kept")
    sealed = KeySealed(provider=command.provider, kid=found.sealed.kid, box=found.sealed.box)
    was_set = KeySet(provider=command.provider, fingerprint=found.fingerprint)
    return Outcome([sealed, was_set], {"fingerprint": found.fingerprint})


def _remove(state: KeysState, command: RemoveKey, _context: Context) -> Outcome:
    if command.provider not in state.keys:
        return Outcome()
    return Outcome([KeyRemoved(provider=command.provider)])


def _list(state: KeysState, _query: ListKeys, _context: Context) -> Answer:
    return Answer({"keys": state.plain()})


def _fetch(state: KeysState, _command: FetchSealed, _context: Context) -> Outcome:
    held = [(provider, key.kid, key.box) for provider, key in sorted(state.keys.items())]
    return Outcome(value=held)


def _reseal(state: KeysState, command: Reseal, _context: Context) -> Outcome:
    held = state.keys.get(command.provider)
    if held is None or held.box != command.was:
        return Outcome()
    return Outcome([KeySealed(provider=command.provider, kid=command.kid, box=command.box)])


def _sealed(state: KeysState, event: KeySealed, _stamp: Stamp) -> None:
    held = state.keys.get(event.provider)
    if held is None:
        state.keys[event.provider] = StoredKey(event.kid, event.box)
    else:
        held.kid, held.box = event.kid, event.box


def _was_set(state: KeysState, event: KeySet, stamp: Stamp) -> None:
    held = state.keys[event.provider]
    held.fingerprint, held.set_ms = event.fingerprint, stamp.at_ms


def _removed(state: KeysState, event: KeyRemoved, _stamp: Stamp) -> None:
    del state.keys[event.provider]


def _keys_now(state: KeysState, _caller: Caller) -> Mapping[str, Any]:
    return {"keys": state.plain()}


def keys_kind(master: MasterKeys | None) -> Kind[KeysState]:
    """Return the kind over *master*; None: it takes no keys."""

    def study(
        state: KeysState, command: Any, _caller: Caller, _target: str, _reader: Reader
    ) -> Callable[[], Awaitable[None]] | None:
        if type(command) is not SetKey or master is None:
            return None

        async def seal() -> None:
            user_id, provider, secret = state.key, command.provider, command.secret
            command.findings.sealed = master.seal(user_id, provider, secret)
            command.findings.fingerprint = master.fingerprint(user_id, provider, secret)

        return seal

    return Kind(
        name=KIND_NAME,
        new_state=KeysState,
        commands={SetKey: _set, RemoveKey: _remove},
        queries={ListKeys: _list},
        signals={FetchSealed: _fetch, Reseal: _reseal},
        events={KeySealed: _sealed, KeySet: _was_set, KeyRemoved: _removed},
        topics={"keys": Topic(events=(KeySet, KeyRemoved), snapshot=_keys_now)},
        role_of=_role_of,
        permissions=permissions.KEYS,
        study=study,
        audited={"keys.set": ("provider",), "keys.remove": ("provider",)},
    )


KEYS: Final = keys_kind(None)
