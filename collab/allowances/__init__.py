"""How often what costs others something may be done: per action, by one user or address."""

from collab.allowances.allowance import DEFAULTS as DEFAULTS
from collab.allowances.allowance import Allowance as Allowance
from collab.allowances.allowance import parse_allowances as parse_allowances
from collab.allowances.allowances import Allowances as Allowances
from collab.allowances.allowances import network_of as network_of
from collab.allowances.spending import Buckets as Buckets
from collab.allowances.spending import Spending as Spending
from collab.allowances.spending import Windows as Windows
