"""Keeps one issuer's keys, and knows when to ask for them again.

::

    age of the keys     a known kid              an unknown kid
    fresh (10 min)      used                     one fetch, then refused for a minute
    stale (12 h)        used; fetched meanwhile  one fetch
    older, or none      one fetch                one fetch

There is at most one fetch at a time, of its own: however many wait for it, and whoever gives up
waiting. Who presents a known key waits for nobody. A fetch that was under way already may say yes
to a key, but not no: the issuer may have made the key since it answered. After a failed fetch the
next one has to wait, longer each time; until then the answer is "not now", with a time, never "no".
Unknown key ids alone cause a fetch every ``UNKNOWN_KID_FETCH_S`` at most, whoever invents them.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping

import trio

from collab.identity.key_set import KeysUnusable, VerifyKey
from collab.identity.limits import (
    KEYS_FRESH_S,
    KEYS_RETRY_MAX_S,
    KEYS_RETRY_MIN_S,
    KEYS_STALE_MAX_S,
    UNKNOWN_KID_FETCH_S,
    UNKNOWN_KID_S,
    UNKNOWN_KIDS_MAX,
)

_log = logging.getLogger("collab.identity")


class KeyUnknown(Exception):
    """The issuer has no such key."""


class KeysUnavailable(Exception):
    """It cannot be told now; ask again after ``retry_after_s``."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = retry_after_s


class KeyKeeper:
    """The keys of one issuer. Times are trio's, in seconds."""

    def __init__(
        self,
        name: str,
        fetch: Callable[[], Awaitable[Mapping[str, VerifyKey]]],
        nursery: trio.Nursery,
    ) -> None:
        """*fetch* raises ``KeysUnusable``; it runs in *nursery*."""
        self.fetches = 0
        self._name = name
        self._fetch = fetch
        self._nursery = nursery
        self._keys: Mapping[str, VerifyKey] = {}
        self._fetched_at = -math.inf  # Successfully.
        self._asked_at = -math.inf  # When the newest fetch ended, whatever it brought.
        self._looked_at = -math.inf  # When the newest one ended that only an unknown id asked for.
        self._failures = 0  # In a row.
        self._running: trio.Event | None = None
        self._unknown: OrderedDict[str, float] = OrderedDict()  # Key id -> until when; in order.

    def start(self) -> None:
        """Fetch now, so that the first person to sign in need not wait."""
        self._start(is_for_unknown=False)

    def has(self, kid: str) -> bool:
        """Say whether the key is at hand, and may be used."""
        return kid in self._keys and self._age_s() <= KEYS_STALE_MAX_S

    async def find(self, kid: str) -> VerifyKey:
        """Return the key *kid*; wait only if it is not at hand.

        It waits for at most two fetches: one that was under way, and one that began since.

        Raises:
          KeyUnknown: the issuer has no such key.
          KeysUnavailable: the issuer cannot be asked now.

        Cancelled: a fetch that has begun goes on for the others.
        """
        begun_before = self.fetches
        if self._age_s() > KEYS_FRESH_S and self._retry_after_s() == 0:
            self.start()
        if self.has(kid):
            return self._keys[kid]
        self._check_negative(kid)
        can_deny = False
        while not can_deny:
            running = self._start_for_unknown() if self._running is None else self._running
            can_deny = self.fetches > begun_before
            await running.wait()
            if self.has(kid):
                return self._keys[kid]
            if self._failures:
                raise KeysUnavailable(max(self._retry_after_s(), KEYS_RETRY_MIN_S))
        self._unknown[kid] = trio.current_time() + UNKNOWN_KID_S
        if len(self._unknown) > UNKNOWN_KIDS_MAX:
            self._unknown.popitem(last=False)
        raise KeyUnknown

    def _age_s(self) -> float:
        return trio.current_time() - self._fetched_at

    def _retry_after_s(self) -> float:
        """Return how long a failed fetch keeps the next one waiting."""
        if not self._failures:
            return 0.0
        pause_s = min(KEYS_RETRY_MIN_S * 2.0 ** min(self._failures - 1, 10), KEYS_RETRY_MAX_S)
        return max(self._asked_at + pause_s - trio.current_time(), 0.0)

    def _check_negative(self, kid: str) -> None:
        until = self._unknown.get(kid)
        if until is None:
            return
        if until > trio.current_time():
            raise KeyUnknown
        del self._unknown[kid]

    def _start_for_unknown(self) -> trio.Event:
        """Begin a fetch, unless one was so recently that it would be asked for in vain."""
        quiet_s = max(self._looked_at + UNKNOWN_KID_FETCH_S - trio.current_time(), 0.0)
        wait_s = self._retry_after_s() if self._failures else quiet_s
        if wait_s > 0:
            raise KeysUnavailable(wait_s)
        return self._start(is_for_unknown=True)

    def _start(self, *, is_for_unknown: bool) -> trio.Event:
        """Begin a fetch, unless one is under way; return what says that it is over."""
        if self._running is None:
            self.fetches += 1
            self._running = trio.Event()
            self._nursery.start_soon(self._run, self._running, is_for_unknown)
        return self._running

    async def _run(self, done: trio.Event, is_for_unknown: bool) -> None:  # noqa: FBT001
        try:
            keys = await self._fetch()
        except KeysUnusable as problem:
            self._failed(str(problem))
        except Exception as fault:  # noqa: BLE001 -- what an issuer says must not end the server
            self._failed(f"a fault of ours, {type(fault).__qualname__}")
        else:
            self._keep(keys)
        finally:
            self._asked_at = trio.current_time()
            if is_for_unknown:
                self._looked_at = self._asked_at
            self._running = None
            done.set()

    def _failed(self, why: str) -> None:
        self._failures += 1
        _log.warning("issuer %s: keys could not be fetched: %s", self._name, why)

    def _keep(self, keys: Mapping[str, VerifyKey]) -> None:
        if self._failures:
            _log.warning("issuer %s: keys can be fetched again", self._name)
        self._failures = 0
        self._keys = keys
        self._fetched_at = trio.current_time()
        for kid in self._unknown.keys() & keys.keys():
            del self._unknown[kid]
