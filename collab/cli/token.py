"""``collab token``: a signed token for development, tests and bots."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from collab.cli.exit_codes import CommandFailed, ExitCode
from collab.cli.flags import ConfigFile, SettingFlags, load
from collab.identity import KeyUnusable, OwnKey, Signer
from collab.identity.guests import sign_guest
from collab.limits import TOKEN_TTL_DEFAULT_S


def token(
    *,
    user: Annotated[str | None, Parameter(help="User id: letters, digits and _.@+|=~:-")] = None,
    org: Annotated[str | None, Parameter(help="Organisation id.")] = None,
    role: Annotated[str | None, Parameter(help="Role in the organisation.")] = None,
    scope: Annotated[
        tuple[str, ...], Parameter(help="For a service: KIND:ACTION that it may do; repeat it.")
    ] = (),
    guest: Annotated[bool, Parameter(help="For a new guest, for 30 days.", negative="")] = False,
    ttl: Annotated[int, Parameter(help="Seconds until it expires.")] = TOKEN_TTL_DEFAULT_S,
    data: Annotated[Path | None, Parameter(help="Data directory.", show_default=False)] = None,
    config: ConfigFile = None,
) -> None:
    """Sign a token with the data directory's own key, and print it.

    The key is made if the directory has none yet. A server over the same directory accepts the
    token, also one that runs already or starts later.
    """
    if guest is (user is not None) or (guest and (org or role or scope)):
        raise CommandFailed(ExitCode.USAGE, "give --user, or --guest alone")
    directory = load(SettingFlags(data=data), config).config.data
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        signer = Signer(OwnKey.open(directory), _clock_ms)
    except (KeyUnusable, OSError) as error:
        raise CommandFailed(ExitCode.STORE, str(error)) from None
    try:
        if user is None:
            print(sign_guest(signer).token)
        else:
            scopes = scope or None
            print(signer.sign(user, org_id=org, org_role=role, scopes=scopes, ttl_s=ttl))
    except ValueError as error:
        raise CommandFailed(ExitCode.USAGE, str(error)) from None


def _clock_ms() -> int:
    return time.time_ns() // 1_000_000
