"""Names of targets: ``kind:key``. Strict, so that one thing has one name.

Keys are printable ASCII without spaces, quotes, slashes, percent and angle signs: they stand in
URLs, logs and file names, and look-alike Unicode cannot stand for another's id.
"""

from __future__ import annotations

import re
from typing import Final

from protocol.errors import WireError
from protocol.limits import KEY_LEN_MAX, KIND_LEN_MAX

_KIND: Final = rf"[a-z][a-z0-9_]{{0,{KIND_LEN_MAX - 1}}}"
_KEY: Final = rf"[A-Za-z0-9!$()*+,.:;=@^_|~-]{{1,{KEY_LEN_MAX}}}"
_TARGET: Final = re.compile(rf"({_KIND}):({_KEY})")
_WHOLE_KEY: Final = re.compile(_KEY)
KEY_PATTERN: Final = f"^{_KEY}$"  # For other languages, which read it the same.


def parse_target(target: str) -> tuple[str, str]:
    """Return kind and key.

    Raises:
      WireError: ``unknown_target``, if *target* is not of the form ``kind:key``.
    """
    match = _TARGET.fullmatch(target)
    if match is None:
        raise WireError("unknown_target", "a target looks like kind:key")
    return match[1], match[2]


def is_key(text: str) -> bool:
    """Say whether *text* can be the key of a target; user ids must be such keys."""
    return _WHOLE_KEY.fullmatch(text) is not None
