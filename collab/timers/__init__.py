"""Durable timers: at a time, after a while, by a cron rule; once each, across restarts."""

from collab.timers.commands import SHARDS as SHARDS
from collab.timers.commands import Rang as Rang
from collab.timers.commands import SetTimer as SetTimer
from collab.timers.commands import UnsetTimer as UnsetTimer
from collab.timers.commands import slot_of as slot_of
from collab.timers.commands import timers_of as timers_of
from collab.timers.cron import day_in as day_in
from collab.timers.cron import find_zone as find_zone
from collab.timers.cron import next_midnight_ms as next_midnight_ms
from collab.timers.kind import TIMERS as TIMERS
from collab.timers.kind import timers_kind as timers_kind
