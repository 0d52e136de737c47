"""Fetches an issuer's documents: one GET, bounded in time and size, to public addresses only.

What an issuer's discovery names is not ours to trust: it must be https, and its host must lead to
public addresses, or anybody who can edit that document could have us knock at doors inside our own
network. The host that the operator wrote into the settings is the operator's choice and may be
anywhere. The address that was judged is the one that is connected to. Redirects are not followed:
discovery exists for moving keys.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

import httpx2
import trio
from attrs import frozen

from collab.identity.issuers import Issuer
from collab.identity.key_set import KeysUnusable, VerifyKey, read_key_set, read_object
from collab.identity.limits import KEYS_BYTES_MAX, KEYS_FETCH_TIMEOUT_S

Resolve = Callable[[str, int], Awaitable[list[str]]]

_HEADERS: Final = (("accept", "application/json"), ("accept-encoding", "identity"))
_PORTS: Final[Mapping[str, int]] = MappingProxyType({"https": 443, "http": 80})


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of *host*. Raises: OSError. Cancelled: nothing happened."""
    found = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


@frozen
class KeySource:
    """Where one issuer's keys come from. ``fetch`` is all there is to it."""

    issuer: Issuer
    resolve: Resolve = resolve
    verify: ssl.SSLContext | bool = True

    async def fetch(self) -> Mapping[str, VerifyKey]:
        """Return the issuer's keys as they are now.

        Takes at most ``KEYS_FETCH_TIMEOUT_S``.

        Raises:
          KeysUnusable: the issuer is down, slow, or answers something else than keys.

        Cancelled: nothing happened.
        """
        try:
            with trio.fail_after(KEYS_FETCH_TIMEOUT_S):
                address = self.issuer.jwks or await self._discover()
                document = await self._get(address, is_trusted=self._is_named(address))
        except trio.TooSlowError:
            raise KeysUnusable(f"no answer within {KEYS_FETCH_TIMEOUT_S:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            # Its words may quote addresses. ValueError: what every reader of addresses says of one
            # that makes no sense (a port of 99999, half a bracket), and of text that is no text.
            raise KeysUnusable(type(error).__name__) from None
        return read_key_set(document, self.issuer.algorithms)

    async def _discover(self) -> str:
        document = read_object(await self._get(self.issuer.discovery, is_trusted=True))
        named = document.get("issuer")
        if not isinstance(named, str) or named not in self.issuer.issuers:
            raise KeysUnusable("discovery is another issuer's")
        address = document.get("jwks_uri")
        if not isinstance(address, str):
            raise KeysUnusable("discovery names no jwks_uri")
        if urlsplit(address).scheme != "https" and not self._is_named(address):
            raise KeysUnusable("discovery names an address that is not https")
        return address

    def _is_named(self, address: str) -> bool:
        """Say whether the operator wrote this scheme, host and port into the settings."""
        named = {self.issuer.jwks, self.issuer.discovery, *self.issuer.issuers} - {None}
        return _origin(address) in {_origin(str(url)) for url in named}

    async def _get(self, address: str, *, is_trusted: bool) -> bytes:
        """Return the body of *address*, whole."""
        url = httpx2.URL(address)
        host, port = url.host, url.port or _PORTS.get(url.scheme) or 0
        addresses = await self.resolve(host, port)
        if not addresses:
            raise KeysUnusable("its name has no address")
        if not is_trusted and not all(_is_public(found) for found in addresses):
            raise KeysUnusable("its name leads to a private address")
        transport = httpx2.AsyncHTTPTransport(verify=self.verify, trust_env=False)
        async with transport, httpx2.AsyncClient(transport=transport, trust_env=False) as client:
            for found in addresses[:-1]:
                try:
                    return await _get_at(client, url, found)
                except httpx2.ConnectError:
                    continue
            return await _get_at(client, url, addresses[-1])


async def _get_at(client: httpx2.AsyncClient, url: httpx2.URL, address: str) -> bytes:
    """Return the body of *url*, as the host at *address* answers it."""
    request = httpx2.Request(
        "GET",
        url.copy_with(host=address),
        headers=[("host", url.netloc.decode("ascii")), *_HEADERS],
        extensions={"sni_hostname": url.host},
    )
    response = await client.send(request, stream=True, follow_redirects=False)
    try:
        return await _read(response)
    finally:
        await response.aclose()


async def _read(response: httpx2.Response) -> bytes:
    if response.status_code != HTTPStatus.OK:
        raise KeysUnusable(f"answered with status {response.status_code}")
    body = bytearray()
    try:
        async for part in response.aiter_raw():
            body += part
            if len(body) > KEYS_BYTES_MAX:
                # Closed here, the loop ends by an error from within: leaving it would leave the
                # library's nested generators to the garbage collector.
                await response.aclose()
    except httpx2.TransportError:
        if len(body) <= KEYS_BYTES_MAX:
            raise
    if len(body) > KEYS_BYTES_MAX:
        raise KeysUnusable(f"the answer is larger than {KEYS_BYTES_MAX} bytes")
    return bytes(body)


def _origin(address: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_global and not found.is_multicast
