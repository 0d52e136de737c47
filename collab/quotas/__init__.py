"""Messages a day: counted before they are posted, returned if they never are, reset at midnight."""

from collab.quotas.charging import with_quota as with_quota
from collab.quotas.kind import QUOTA as QUOTA
from collab.quotas.kind import quota_kind as quota_kind
from collab.quotas.settings import QuotaSettings as QuotaSettings
from collab.quotas.state import MoveQuota as MoveQuota
