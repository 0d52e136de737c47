"""Takes deliveries in, and carries what is news to whoever is connected.

::

    POST /v1/webhooks/NAME -> Receiver.open -> take: standing:NAME (durable) -> Standings
                                                 -> connections of those people, in the same turn
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from actors import ActorSystem
from collab.limits import ASK_TIMEOUT_S
from collab.requests import Done, Receive
from collab.standing.changes import Change
from collab.standing.deliveries import Delivery, Receiver
from collab.standing.kind import STANDING, Hear, TellAll
from collab.standing.standings import Standings
from protocol.errors import CODES, WireError
from protocol.host import Host

if TYPE_CHECKING:
    from collab.gateway import CollabGateway

_SOURCE = "webhook"  # Who a delivery comes from; no kind has this name.


class StandingDesk:
    """See the module. One per app."""

    def __init__(
        self,
        system: ActorSystem,
        gateway: CollabGateway,
        standings: Standings,
        receivers: Mapping[str, Receiver],
    ) -> None:
        self.receivers = receivers
        self._system = system
        self._gateway = gateway
        self._standings = standings
        self._hosts_of: Callable[[str], Sequence[Host]] = _nobody

    def use_hosts(self, hosts_of: Callable[[str], Sequence[Host]]) -> None:
        """Have a wire server say through what a user is connected."""
        self._hosts_of = hosts_of

    async def load(self) -> None:
        """Learn what was told before the start. Before anybody signs in.

        Raises:
          ActorError, JournalError: it cannot be known; nobody's token may count then.
        """
        for name in self.receivers:
            self._standings.apply(await self._ask(name, TellAll()))

    async def take(self, name: str, delivery: Delivery) -> None:
        """Have a genuine *delivery* count, once; return when it does, everywhere.

        Raises:
          Conflict: it was heard before.
          RateLimited: too many at once.
          ActorError, JournalError: it could not be stored.

        Cancelled: it may count; sent again it is heard before, or counts then.
        """
        if not delivery.changes:
            return  # Nothing about people: heard twice it changes nothing either.
        heard = Hear(
            delivery=delivery.id, until_ms=delivery.until_ms, changes=list(delivery.changes)
        )
        self._carry(await self._ask(name, heard))

    async def _ask(self, name: str, command: Hear | TellAll) -> list[Change]:
        ref = self._system.ref(STANDING.name, name)
        answer = await ref.ask(Receive(_SOURCE, command), timeout_s=ASK_TIMEOUT_S)
        return cast("list[Change]", cast("Done", answer).value)

    def _carry(self, news: Iterable[Change]) -> None:
        """Judge anew what the people of *news* are connected through. Synchronous."""
        changes = list(news)
        self._standings.apply(changes)
        for user_id in dict.fromkeys(change.user_id for change in changes):
            self._gateway.standing_changed(user_id)
            for host in self._hosts_of(user_id):
                if self._standings.is_void(user_id, host.identity.claims):
                    host.sign_out(WireError("unauthenticated", CODES["unauthenticated"][1]))
                else:
                    host.memo = None  # The gateway's: who they are as kinds see it.
                    host.identity_changed()


def _nobody(_user_id: str) -> Sequence[Host]:
    return ()
