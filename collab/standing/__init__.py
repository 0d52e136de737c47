"""What issuers have told since their tokens were signed: roles that changed, people who left.

``deliveries``: a webhook's bytes, verified and read. ``kind``: ``standing:ISSUER``, the actor that
keeps what was told and forgets no delivery within its window. ``standings``: the same in memory,
asked at every sign-in and for every caller.
"""

from collab.standing.changes import Change as Change
from collab.standing.deliveries import Delivery as Delivery
from collab.standing.deliveries import NotGenuine as NotGenuine
from collab.standing.deliveries import Receiver as Receiver
from collab.standing.deliveries import WebhookUnusable as WebhookUnusable
from collab.standing.deliveries import parse_receivers as parse_receivers
from collab.standing.standings import Standings as Standings
