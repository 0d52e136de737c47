"""Users' own keys for providers of models: sealed at rest, never shown again."""

from collab.keyring.kind import KEYS as KEYS
from collab.keyring.kind import keys_kind as keys_kind
from collab.keyring.master import MasterKeys as MasterKeys
from collab.keyring.master import MasterKeysUnusable as MasterKeysUnusable
from collab.keyring.master import SealBroken as SealBroken
from collab.keyring.rotation import provider_key as provider_key
