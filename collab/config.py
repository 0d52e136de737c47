"""Every setting of the server: its default, its range, and one sentence about it.

``collab.config_sources`` says where values come from; the flags of ``collab serve`` are these
same names.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any, Literal

import attrs
from attrs import field, frozen
from attrs.validators import and_, ge, le, max_len, min_len

from collab.allowances import parse_allowances
from collab.identity.issuers import parse_issuers
from collab.limits import (
    BATCH_INTERVAL_MAX_S,
    BATCH_INTERVAL_MIN_S,
    BATCH_INTERVAL_S,
    DRAIN_TIMEOUT_MAX_S,
    DRAIN_TIMEOUT_S,
    IDLE_TIMEOUT_S,
)
from collab.quotas.limits import PRO_MODELS_MAX, QUOTA_PER_DAY_MAX
from collab.quotas.settings import ZONE_DEFAULT
from collab.timers.cron import find_zone
from collab.timers.limits import ZONE_LEN_MAX
from protocol.limits import (
    CONNECTIONS_MAX,
    CONNECTIONS_PER_ADDRESS_MAX,
    FRAME_BYTES_MAX,
    FRAME_BYTES_MIN,
    HANDSHAKE_TIMEOUT_S,
    MESSAGE_BURST,
    MESSAGE_RATE_PER_S,
)
from protocol.proxies import Proxies

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "text"]


def _about(text: str) -> dict[str, str]:
    return {"about": text}


def _between(low: float, high: float) -> Any:
    return and_(ge(low), le(high))


def _length(low: int, high: int) -> Any:
    return and_(min_len(low), max_len(high))


@frozen(kw_only=True)
class Config:
    """Settings of one server. Making one checks it.

    Raises:
      ValueError: a value is out of its range, or two do not fit together.
    """

    host: str = field(
        default="127.0.0.1", validator=_length(1, 255), metadata=_about("Address to listen on.")
    )
    port: int = field(
        default=8787,
        validator=_between(0, 65_535),
        metadata=_about("Port to listen on; 0: any free one."),
    )
    data: Path = field(
        default=Path("data"), metadata=_about("Data directory; made if it is missing.")
    )
    dev: bool = field(
        default=False, metadata=_about("Development: a token is dev:USER. Loopback only.")
    )
    tls_cert: Path | None = field(
        default=None, metadata=_about("Certificate chain (PEM); needs the key.")
    )
    tls_key: Path | None = field(
        default=None, metadata=_about("Private key (PEM) of the certificate.")
    )
    kinds: tuple[str, ...] = field(
        default=(),
        validator=_length(0, 100),
        metadata=_about("Kinds of your own, as module:ATTRIBUTE."),
    )
    issuers: tuple[str, ...] = field(
        default=(),
        validator=_length(0, 16),
        metadata=_about("Who signs people in: workos client=ID, oidc issuer=URL audience=X, ..."),
    )
    guests: bool = field(
        default=False,
        metadata=_about("People may come without signing in; always so with dev."),
    )
    trusted_proxies: tuple[str, ...] = field(
        default=(),
        validator=_length(0, 100),
        metadata=_about("Addresses or networks of proxies whose X-Forwarded-For counts."),
    )
    allowed_origins: tuple[str, ...] = field(
        default=(),
        validator=_length(0, 100),
        metadata=_about("Origins of web pages that may connect; none: the server's own."),
    )
    connections_max: int = field(
        default=CONNECTIONS_MAX,
        validator=_between(1, 1_000_000),
        metadata=_about("Connections at once."),
    )
    connections_per_address_max: int = field(
        default=CONNECTIONS_PER_ADDRESS_MAX,
        validator=_between(1, 1_000_000),
        metadata=_about("Connections at once of one address."),
    )
    frame_bytes_max: int = field(
        default=FRAME_BYTES_MAX,
        validator=_between(FRAME_BYTES_MIN, FRAME_BYTES_MAX),
        metadata=_about("Largest message that a client of /v1 may send, in bytes."),
    )
    message_rate_per_s: float = field(
        default=MESSAGE_RATE_PER_S,
        validator=_between(1, 1_000_000),
        metadata=_about("Messages per second that one connection may send."),
    )
    message_burst: int = field(
        default=MESSAGE_BURST,
        validator=_between(1, 10_000_000),
        metadata=_about("Messages that it may send at once, after a pause."),
    )
    webhooks: tuple[str, ...] = field(
        default=(),
        validator=_length(0, 20),
        metadata=_about("Issuers that tell changes: NAME=workos:SECRET_FILE, NAME=clerk:FILE."),
    )
    allowances: tuple[str, ...] = field(
        default=(),
        validator=_length(0, 100),
        metadata=_about("How often one may act: ACTION=COUNT/SECONDS[:window][@address], or =off."),
    )
    batch_interval_ms: float = field(
        default=BATCH_INTERVAL_S * 1000,
        validator=_between(BATCH_INTERVAL_MIN_S * 1000, BATCH_INTERVAL_MAX_S * 1000),
        metadata=_about("Batched topics (transcripts) flush at most this often: 50 to 250."),
    )
    idle_timeout_s: float = field(
        default=IDLE_TIMEOUT_S,
        validator=_between(1, 86_400),
        metadata=_about("What nobody watches leaves memory after this."),
    )
    handshake_timeout_s: float = field(
        default=HANDSHAKE_TIMEOUT_S,
        validator=_between(0.1, 300),
        metadata=_about("From accept to an accepted sign-in."),
    )
    drain_timeout_s: float = field(
        default=DRAIN_TIMEOUT_S,
        validator=_between(0, DRAIN_TIMEOUT_MAX_S),
        metadata=_about("After SIGTERM, open calls and the actors' snapshots may take so long."),
    )
    admins: tuple[str, ...] = field(
        default=(),
        validator=_length(0, 100),
        metadata=_about("Ids of the people who run the server: feature flags, timers."),
    )
    quota_anonymous: int = field(
        default=0,
        validator=_between(0, QUOTA_PER_DAY_MAX),
        metadata=_about("Chat messages a day of a guest; 0: no bound."),
    )
    quota_signed_in: int = field(
        default=0,
        validator=_between(0, QUOTA_PER_DAY_MAX),
        metadata=_about("Chat messages a day of a person who has signed in; 0: no bound."),
    )
    quota_pro: int = field(
        default=0,
        validator=_between(0, QUOTA_PER_DAY_MAX),
        metadata=_about("The same, to the models of pro_models, which count apart."),
    )
    pro_models: tuple[str, ...] = field(
        default=(),
        validator=_length(0, PRO_MODELS_MAX),
        metadata=_about("Names of the models that count as pro."),
    )
    quota_zone: str = field(
        default=ZONE_DEFAULT,
        validator=_length(1, ZONE_LEN_MAX),
        metadata=_about("Time zone whose midnight begins another day of messages."),
    )
    log_level: LogLevel = field(default="info", metadata=_about("debug, info, warning or error."))
    log_format: LogFormat = field(
        default="auto", metadata=_about("json, text, or auto: text on a terminal.")
    )

    def __attrs_post_init__(self) -> None:
        find_zone(self.quota_zone)
        try:
            parse_allowances(self.allowances)
        except ValueError as error:
            raise ValueError(f"allowances: {error.args[0]}") from None
        parse_issuers(self.issuers)
        try:
            Proxies.parse(self.trusted_proxies)
        except ValueError as error:
            raise ValueError(f"trusted_proxies: {error}") from None
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together: give both or neither")
        if self.dev and not is_loopback(self.host):
            raise ValueError(
                f"dev needs a host on loopback, not {self.host!r}: "
                "anybody who can connect could be anybody"
            )


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach *host*."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def setting_names() -> tuple[str, ...]:
    """Return the names of all settings, in the order of the class."""
    return tuple(attribute.name for attribute in attrs.fields(Config))


def about(name: str) -> str:
    """Return the sentence that explains a setting."""
    return str(getattr(attrs.fields(Config), name).metadata["about"])
