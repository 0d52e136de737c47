"""A person's provider keys, sealed; what is asked of them; what happens."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import define, field, frozen

from collab.keyring.limits import PROVIDER_NAME_LEN_MAX, SECRET_LEN_MAX, SECRET_LEN_MIN
from collab.keyring.master import Sealed
from collab.messages.checks import identifier
from protocol.stated import stated


def _secret() -> Any:
    """Return a field for a secret, which no error and no log repeats."""

    def check(_instance: object, attribute: Any, value: object) -> None:
        if not isinstance(value, str) or not SECRET_LEN_MIN <= len(value) <= SECRET_LEN_MAX:
            raise ValueError(
                f"{attribute.name} must have {SECRET_LEN_MIN} to {SECRET_LEN_MAX} characters"
            )
        if not (value.isascii() and value.isprintable()):
            raise ValueError(f"{attribute.name} must be printable ASCII")

    bounds = stated(minLength=SECRET_LEN_MIN, maxLength=SECRET_LEN_MAX, pattern="^[ -~]*$")
    return field(validator=check, repr=False, metadata=bounds)


@define
class StoredKey:
    """One key, as it lies here."""

    kid: str
    box: bytes = field(repr=False)
    fingerprint: str = ""
    set_ms: int = 0


@define
class KeysState:
    """The keys of user ``key``, by provider."""

    key: str
    keys: dict[str, StoredKey] = field(factory=dict)

    def plain(self) -> list[dict[str, Any]]:
        """Return what their owner sees of them."""
        return [
            {"provider": provider, "fingerprint": held.fingerprint, "set_ms": held.set_ms}
            for provider, held in sorted(self.keys.items())
        ]


@define
class Findings:
    """What was worked out about a command before it was decided."""

    sealed: Sealed | None = None
    fingerprint: str = ""


# ---------------------------------------------------------------- commands and queries


@frozen(kw_only=True)
class SetKey:
    """Keep a key for a provider, instead of the one before. Answered with its fingerprint."""

    TAG: ClassVar[str] = "keys.set"

    provider: str = identifier(PROVIDER_NAME_LEN_MAX)
    secret: str = _secret()
    findings: Findings = field(init=False, factory=Findings, eq=False, repr=False)


@frozen(kw_only=True)
class RemoveKey:
    """Forget the key for a provider. Without one nothing changes."""

    TAG: ClassVar[str] = "keys.remove"

    provider: str = identifier(PROVIDER_NAME_LEN_MAX)


@frozen(kw_only=True)
class ListKeys:
    """For which providers there are keys, with fingerprints."""

    TAG: ClassVar[str] = "keys.list"


# ---------------------------------------------------------------- from within the server


@frozen(kw_only=True)
class FetchSealed:
    """For whoever calls a provider, and for rotation: all keys, sealed. Answered with a list."""

    TAG: ClassVar[str] = "keys.fetch"


@frozen(kw_only=True)
class Reseal:
    """The same secret under another master key, unless the key was set anew meanwhile."""

    TAG: ClassVar[str] = "keys.reseal"

    provider: str
    was: bytes = field(repr=False)
    kid: str
    box: bytes = field(repr=False)


# ---------------------------------------------------------------- events


@frozen(kw_only=True)
class KeySealed:
    """A key as it is stored. In no topic: it is nobody's to see."""

    TAG: ClassVar[str] = "key.sealed"

    provider: str
    kid: str
    box: bytes = field(repr=False)


@frozen(kw_only=True)
class KeySet:
    """There is a new key for a provider. Comes after its ``KeySealed``."""

    TAG: ClassVar[str] = "key.set"

    provider: str
    fingerprint: str


@frozen(kw_only=True)
class KeyRemoved:
    """There is no key for a provider any more."""

    TAG: ClassVar[str] = "key.removed"

    provider: str
