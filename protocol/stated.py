"""What a validator checks, in words of JSON Schema, beside the field that it checks.

A validator of one's own is code: no machine can read its bounds. So whoever writes one says them
once more, as the field's metadata, and ``tests/schema`` holds the two against each other::

    ref: int = field(validator=_check_ref, metadata=stated(minimum=0, maximum=REF_MAX))

Validators of ``attrs.validators`` need none of this: ``protocol.schema`` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

_KEY: Final = "json_schema"


def stated(**keywords: Any) -> Mapping[str, Any]:
    """Return *keywords* as metadata of an attrs field."""
    return {_KEY: MappingProxyType(keywords)}


def stated_of(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what :func:`stated` put into *metadata*."""
    keywords: Mapping[str, Any] = metadata.get(_KEY, {})
    return keywords
