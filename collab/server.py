"""One server: the app, the wire and HTTP on one port.

::

    open_app ── gateway ── WireServer ──┐
        │                               ├── serve_port    /v1 is the wire, the rest is HTTP
        └── figures ── make_http_app ───┘

Life of a server: *starting* (not ready) → *serving* → *draining* (not ready; connections are told
goodbye, open calls finish, actors take their snapshots) → closed. One budget, ``drain_timeout_s``,
is for all of the drain; beyond it closing only seals the store, for ``SEAL_AT_CLOSE_S``. A failed
disk skips the drain: nothing may be acknowledged any more, so the quickest end is the safest.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import trio

from collab.allowances import parse_allowances
from collab.app import App, AppSettings, open_app
from collab.config import Config
from collab.configured import configured_kinds
from collab.http import web_routes
from collab.identity import parse_issuers
from collab.keyring import MasterKeys
from collab.limits import DRAIN_WIRE_SHARE
from collab.listening import AddressUnusable, Listening, listen
from collab.operators import Operators
from collab.oversight import Oversight
from collab.standing import parse_receivers
from collab.storage import StoreUnusable
from collab.storage.errors import remedy_for, what_failed
from collab.web import Site
from protocol.allowance import MessageRate
from protocol.limits import GOODBYE_TIMEOUT_S
from protocol.port import PortConfig
from protocol.proxies import Proxies

_log = logging.getLogger("collab.server")


async def run_server(
    config: Config,
    *,
    stop: trio.Event,
    on_ready: Callable[[str], None],
    site: Site | None = None,
) -> None:
    """Serve until *stop* is set; then drain and return.

    *on_ready* is called once with the server's address, when it takes connections. *site* is the
    page; by default one that is made when somebody first asks for it.

    Raises:
      StoreUnusable, KeyUnusable, MasterKeysUnusable: the data directory cannot be used.
      WebhookUnusable: ``webhooks`` names a file that holds no secret.
      KindUnusable: ``--kinds`` names something that is no kind.
      AddressUnusable: nor can the address or the certificate.
      JournalBroken: the disk failed while serving; nothing was acknowledged since.
      All of them possibly within an ``ExceptionGroup``.

    Cancelled: connections are dropped without a drain; nothing acknowledged is lost.
    """
    port_config = _port_config(config)
    rate = MessageRate(per_s=config.message_rate_per_s, burst=config.message_burst)
    master = _master_keys(config.data)
    settings = AppSettings(
        dev=config.dev,
        kinds=configured_kinds(config, master),
        issuers=parse_issuers(config.issuers),
        guests=config.guests or config.dev,
        webhooks=parse_receivers(config.webhooks),
        allowances=parse_allowances(config.allowances),
        batch_interval_s=config.batch_interval_ms / 1000,
        idle_timeout_s=config.idle_timeout_s,
    )
    site = site or Site(is_dev=config.dev, guests=config.guests)
    oversight = Oversight(Operators(frozenset(config.admins)))
    async with AsyncExitStack() as stack:
        stack.enter_context(oversight.recent.listening())
        app = await stack.enter_async_context(open_app(config.data, settings))
        _read_again(config.data, master)
        listening = await stack.enter_async_context(
            listen(
                app,
                port_config,
                message_rate=rate,
                pages=web_routes(site),
                oversight=oversight,
            )
        )
        nursery = await stack.enter_async_context(trio.open_nursery())
        nursery.start_soon(site.run)
        nursery.start_soon(_raise_when_failed, app)
        _log.info("the audit log ends at %s", app.store.audit_end)
        on_ready(_url(config, listening))
        await stop.wait()
        await _drain(app, listening, within_s=config.drain_timeout_s)
        _log.info("the audit log ends at %s", app.store.audit_end)
        nursery.cancel_scope.cancel()


async def _drain(app: App, listening: Listening, *, within_s: float) -> None:
    """Part from everybody, then finish the actors; take *within_s* seconds for both together.

    The wire has its share of the time, of which the end is for closing handshakes; what it does not
    need is the actors'. So they always have some: what they have not finished then is killed, and
    nothing is left to wait for when the app closes.

    Cancelled: what has not finished is dropped; nothing acknowledged is lost.
    """
    ends_at = trio.current_time() + within_s
    wire_s = within_s * DRAIN_WIRE_SHARE
    with trio.move_on_after(wire_s) as wire:
        await listening.drain(timeout_s=max(wire_s - 2 * GOODBYE_TIMEOUT_S, wire_s / 2))
    if wire.cancelled_caught:
        _log.warning("connections were still open after %.1f s of draining", wire_s)
    left_s = max(ends_at - trio.current_time(), 0.0)
    await app.drain(timeout_s=left_s)


async def _raise_when_failed(app: App) -> None:
    raise await app.wait_failed()


def _master_keys(directory: Path) -> MasterKeys:
    """Return what seals people's provider keys; the first start makes directory and keys."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return MasterKeys.open(directory)
    except OSError as error:
        raise StoreUnusable(directory, what_failed(error), remedy_for(error)) from error


def _read_again(directory: Path, master: MasterKeys) -> None:
    """Read the keys again, since the directory is ours by now: they may have been rotated."""
    try:
        master.read_again()
    except OSError as error:
        raise StoreUnusable(directory, what_failed(error), remedy_for(error)) from error


def _port_config(config: Config) -> PortConfig:
    return PortConfig(
        host=config.host,
        port=config.port,
        tls_context=_tls_context(config),
        allowed_origins=frozenset(config.allowed_origins) or None,
        handshake_timeout_s=config.handshake_timeout_s,
        connections_max=config.connections_max,
        connections_per_address_max=config.connections_per_address_max,
        frame_bytes_max=config.frame_bytes_max,
        proxies=Proxies.parse(config.trusted_proxies),
    )


def _tls_context(config: Config) -> ssl.SSLContext | None:
    if config.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(config.tls_cert, config.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise AddressUnusable(
            f"cannot use certificate {config.tls_cert} with key {config.tls_key}: {error}"
        ) from error
    return context


def _url(config: Config, listening: Listening) -> str:
    scheme = "http" if config.tls_cert is None else "https"
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"{scheme}://{host}:{listening.port}"
