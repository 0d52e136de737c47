"""Language tags by BCP 47 (RFC 5646): well-formed, and in one spelling.

Checked is the form, not the registry: ``de-CH-1996`` and ``zh-Hant`` pass, ``deutsch-DE`` does not
(languages of more than three letters are reserved, and none was ever registered). Grandfathered
tags (``i-klingon``) and tags of private use alone (``x-mine``) name no language that another person
could look for, and are refused. Case carries no meaning and is made that of RFC 5646, section
2.1.1: ``EN-us`` is ``en-US``.
"""

from __future__ import annotations

import re
from typing import Final

from collab.limits import LANGUAGE_LEN_MAX

_TAG: Final = re.compile(
    r"""(?P<language>[a-z]{2,3}(-[a-z]{3}){0,3})
        (-(?P<script>[a-z]{4}))?
        (-(?P<region>[a-z]{2}|[0-9]{3}))?
        (?P<variants>(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)
        (?P<extensions>(-[a-wyz0-9](-[a-z0-9]{2,8})+)*)
        (-x(-[a-z0-9]{1,8})+)?""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


def language_tag(text: str) -> str:
    """Return the tag *text* in its usual spelling.

    Raises:
      ValueError: it is no language tag.
    """
    match = _TAG.fullmatch(text) if len(text) <= LANGUAGE_LEN_MAX else None
    if match is None:
        raise ValueError(f"{text[:LANGUAGE_LEN_MAX]!r} is no language tag such as en or pt-BR")
    _check_distinct(match["variants"], "variant")
    singles = [part for part in match["extensions"].split("-") if len(part) == 1]
    _check_distinct("-".join(singles), "extension")
    return _spelled(text)


def _check_distinct(parts: str, what: str) -> None:
    subtags = parts.lower().strip("-").split("-")
    if len(set(subtags)) != len(subtags):
        raise ValueError(f"a {what} of the language tag comes twice")


def _spelled(text: str) -> str:
    """Return *text* in lower case, but scripts as ``Hant`` and regions as ``US``."""
    spelled: list[str] = []
    is_after_single = False
    for subtag in text.lower().split("-"):
        is_plain = not spelled or is_after_single
        if not is_plain and len(subtag) == 4 and subtag.isalpha():
            spelled.append(subtag.title())
        elif not is_plain and len(subtag) == 2:
            spelled.append(subtag.upper())
        else:
            spelled.append(subtag)
        is_after_single = is_after_single or len(subtag) == 1
    return "-".join(spelled)
