"""Says who a token speaks for: the one door that every token comes through.

::

    token                       accepted                    speaks for
    dev:USER                    with ``--dev`` only         USER
    ticket_...                  once, within 30 s           whoever asked for the ticket
    a JWT of our own key        always                      its ``sub``: a user, guest or service
    a JWT of an issuer          if it is in the settings    ``ISSUER:sub``

With ``--dev`` every identity carries ``is_dev``: it is the server that is under development, so
things come into being when first opened, whichever token opened them.

Bad tokens are counted by address. An address that had too many is refused with a time, unseen,
but for tokens that were good before: colleagues behind the same address come back undisturbed.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import trio
from attrs import define, evolve, field, frozen

from collab.identity.buckets import Buckets
from collab.identity.claims import IS_DEV, ISSUED_AT, ORG_ID, ORG_ROLE, SCOPES, is_user_id
from collab.identity.issuer_tokens import Envelope, IssuerTokens, open_envelope
from collab.identity.issuers import Issuer
from collab.identity.key_keeper import KeyKeeper, KeysUnavailable
from collab.identity.limits import FAILURES_BURST, FAILURES_PER_S, TOKENS_SEEN_MAX
from collab.identity.own_key import OwnKey
from collab.identity.tickets import TICKET_PREFIX, TicketLedger
from collab.identity.tokens import ISSUER as OWN_ISSUER
from collab.identity.tokens import Signer, TokenRefused
from protocol.errors import CODES, WireError
from protocol.gateway import Identity, Peer
from protocol.limits import TOKEN_LEN_MAX
from protocol.port import address_key

if TYPE_CHECKING:
    from collab.identity.fetching import KeySource

DEV_PREFIX: Final = "dev:"
_CODE: Final = "unauthenticated"


class Authenticator(Protocol):
    """Whatever knows the users."""

    async def authenticate(self, token: str, peer: Peer) -> Identity:
        """Say who *token* speaks for; *peer* is where it came from.

        Raises:
          WireError: ``unauthenticated``, one message for every reason; ``rate_limited`` for an
            address that tries too often; ``unavailable`` if that cannot be told now.

        Cancelled: nothing happened; a ticket may be used up.
        """
        ...


@frozen
class LocalAuthenticator:
    """Knows development tokens (with ``is_dev``) and tokens signed with the own key."""

    signer: Signer
    is_dev: bool

    async def authenticate(self, token: str, peer: Peer) -> Identity:  # noqa: ARG002
        """See :class:`Authenticator`. Never waits: the key is in memory."""
        return self.identify(token)

    def identify(self, token: str) -> Identity:
        """Say who *token* speaks for. Raises: WireError, ``unauthenticated``."""
        if token.startswith(DEV_PREFIX):
            return self._development(token)
        try:
            claims = self.signer.check(token)
        except TokenRefused:
            raise refusal() from None  # The cause may quote the token.
        said: dict[str, Any] = {
            ORG_ID: claims.org_id,
            ORG_ROLE: claims.org_role,
            ISSUED_AT: claims.issued_at_ms,
        }
        if claims.scopes is not None:
            said[SCOPES] = list(claims.scopes)
        return Identity(
            claims.user_id,
            expires_at_ms=claims.expires_at_ms,
            claims={**said, IS_DEV: self.is_dev},
        )

    def _development(self, token: str) -> Identity:
        user_id = token.removeprefix(DEV_PREFIX)
        if not (self.is_dev and is_user_id(user_id)):
            raise refusal()
        return Identity(user_id, claims={ORG_ID: None, ORG_ROLE: None, IS_DEV: True})


@define(eq=False)
class Doorkeeper:
    """The :class:`Authenticator` of a server: every kind of token, and a brake on guessing."""

    local: LocalAuthenticator
    issuers: Sequence[IssuerTokens] = ()
    tickets: TicketLedger = field(factory=TicketLedger)
    _failures: Buckets = field(factory=lambda: Buckets(FAILURES_BURST, FAILURES_PER_S), init=False)
    _seen: OrderedDict[bytes, None] = field(factory=OrderedDict, init=False, repr=False)

    async def authenticate(self, token: str, peer: Peer) -> Identity:
        """See :class:`Authenticator`."""
        if len(token) > TOKEN_LEN_MAX:
            raise self._failed(peer)
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        address = address_of(peer)
        is_counted = digest not in self._seen
        if is_counted:
            # Taken beforehand, so that many tries at once count as many.
            self._brake(address)
        try:
            identity = await self._identify(token)
        except TokenRefused:
            raise refusal() from None  # The cause may quote the token.
        except WireError as error:
            if is_counted and error.code != _CODE:
                self._failures.give_back(address)
            raise
        except BaseException:
            # Cancelled, or a fault of ours: nothing is known about the token.
            if is_counted:
                self._failures.give_back(address)
            raise
        if is_counted:
            self._failures.give_back(address)
        if not token.startswith(TICKET_PREFIX):
            self._remember(digest)
        return identity

    async def _identify(self, token: str) -> Identity:
        if token.startswith(TICKET_PREFIX):
            return self._redeem(token)
        if token.startswith(DEV_PREFIX) or not self.issuers:
            return self.local.identify(token)
        envelope = open_envelope(token)
        if envelope.issuer == OWN_ISSUER:
            return self.local.identify(token)
        try:
            identity = await self._ask_issuers(token, envelope)
        except KeysUnavailable as error:
            raise WireError(
                "unavailable",
                "who signed this cannot be asked at the moment",
                retry_after_ms=math.ceil(error.retry_after_s * 1000),
            ) from None
        return evolve(identity, claims={**identity.claims, IS_DEV: self.local.is_dev})

    async def _ask_issuers(self, token: str, envelope: Envelope) -> Identity:
        """Try the issuers of that name; whoever has the key at hand is asked first."""
        named = [one for one in self.issuers if envelope.issuer in one.issuer.issuers]
        named.sort(key=lambda one: not one.keys.has(envelope.kid))
        unavailable: KeysUnavailable | None = None
        for one in named:
            try:
                return await one.check(token, envelope)
            except TokenRefused:
                continue
            except KeysUnavailable as error:
                unavailable = error
        raise unavailable or TokenRefused

    def _redeem(self, ticket: str) -> Identity:
        identity = self.tickets.redeem(ticket)
        if identity is None:
            raise TokenRefused
        ends_ms = identity.expires_at_ms
        if ends_ms is not None and ends_ms <= self.local.signer.clock_ms():
            raise TokenRefused
        return identity

    def _brake(self, address: str) -> None:
        wait_s = self._failures.take(address)
        if wait_s:
            raise WireError(
                "rate_limited",
                "too many bad tokens from your address",
                retry_after_ms=math.ceil(wait_s * 1000),
            )

    def _failed(self, peer: Peer) -> WireError:
        self._brake(address_of(peer))
        return refusal()

    def _remember(self, digest: bytes) -> None:
        self._seen[digest] = None
        self._seen.move_to_end(digest)
        if len(self._seen) > TOKENS_SEEN_MAX:
            self._seen.popitem(last=False)


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


def open_doorkeeper(
    local: LocalAuthenticator,
    issuers: Sequence[Issuer],
    nursery: trio.Nursery,
    *,
    sources: Mapping[str, KeySource] | None = None,
) -> Doorkeeper:
    """Return the authenticator that knows *local* and *issuers*; keys are fetched in *nursery*.

    *sources*: where keys come from, by the issuer's name, if not from the issuer's own address.
    """
    from collab.identity.fetching import KeySource  # Its library takes a tenth of a second.

    known = []
    for issuer in issuers:
        source = (sources or {}).get(issuer.name) or KeySource(issuer)
        keeper = KeyKeeper(issuer.name, source.fetch, nursery)
        keeper.start()
        known.append(IssuerTokens(issuer, keeper, local.signer.clock_ms))
    return Doorkeeper(local, known)


def refusal() -> WireError:
    """Return the one refusal of a bad token."""
    return WireError(_CODE, CODES[_CODE][1])


def address_of(peer: Peer) -> str:
    """Return what *peer* is counted by: an IPv4 address or an IPv6 site."""
    host = peer.address.rpartition(":")[0].strip("[]")
    try:
        return address_key(host)
    except ValueError:
        return peer.address  # Not from a socket of ours.
