"""Says who a token speaks for.

::

    token                       accepted                    speaks for
    dev:USER                    with ``--dev`` only         USER
    a signed token (JWT)        always                      its ``sub``, with org and role

With ``--dev`` every identity carries ``is_dev``: it is the server that is under development, so
things come into being when first opened, whichever token opened them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from attrs import frozen

from collab.identity.claims import IS_DEV, ORG_ID, ORG_ROLE, is_user_id
from collab.identity.own_key import OwnKey
from collab.identity.tokens import Signer, TokenRefused
from protocol.errors import CODES, WireError
from protocol.gateway import Identity, Peer

DEV_PREFIX: Final = "dev:"
_CODE: Final = "unauthenticated"


class Authenticator(Protocol):
    """Whatever knows the users: the own key here, an OIDC issuer elsewhere."""

    async def authenticate(self, token: str, peer: Peer) -> Identity:
        """Say who *token* speaks for.

        Raises:
          WireError: ``unauthenticated``; one message for every reason.

        Cancelled: nothing happened.
        """
        ...


@frozen
class LocalAuthenticator:
    """Knows development tokens (with ``is_dev``) and tokens signed with the own key."""

    signer: Signer
    is_dev: bool

    async def authenticate(self, token: str, peer: Peer) -> Identity:  # noqa: ARG002
        """See :class:`Authenticator`. Never waits: the key is in memory."""
        if token.startswith(DEV_PREFIX):
            return self._development(token)
        try:
            claims = self.signer.check(token)
        except TokenRefused:
            raise _refusal() from None  # The cause may quote the token.
        return Identity(
            claims.user_id,
            expires_at_ms=claims.expires_at_ms,
            claims={ORG_ID: claims.org_id, ORG_ROLE: claims.org_role, IS_DEV: self.is_dev},
        )

    def _development(self, token: str) -> Identity:
        user_id = token.removeprefix(DEV_PREFIX)
        if not (self.is_dev and is_user_id(user_id)):
            raise _refusal()
        return Identity(user_id, claims={ORG_ID: None, ORG_ROLE: None, IS_DEV: True})


def open_authenticator(
    directory: Path | None, *, dev: bool, clock_ms: Callable[[], int]
) -> LocalAuthenticator:
    """Return the authenticator of a data directory; without one, of a key in memory only.

    Raises:
      KeyUnusable: the key file must not or cannot be used.
      OSError: the directory is missing or not writable.
    """
    key = OwnKey.ephemeral() if directory is None else OwnKey.open(directory)
    return LocalAuthenticator(Signer(key, clock_ms), is_dev=dev)


def _refusal() -> WireError:
    return WireError(_CODE, CODES[_CODE][1])
