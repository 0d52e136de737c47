"""Plain data <-> attrs classes, without coercion, and one kind of error.

``"1"`` is not 1, ``True`` is not 1, 1 is not a string; a float field takes an integer. Unknown
fields are ignored, missing ones refused, validators run. Whatever goes wrong, here or in cattrs
or in a validator, becomes a ``WireError("bad_request")`` that names the place.

Bytes are base64 strings in JSON and native in MessagePack. A union of attrs classes is told apart
by their ``TAG`` under ``"type"``. Fields with ``init=False`` are neither written nor read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar, overload

import msgpack  # type: ignore[import-untyped]
from cattrs.errors import ClassValidationError, StructureHandlerNotFoundError

from protocol._plain import plain_converter
from protocol._scalars import JSON, MSGPACK, STORAGE, Hook, MisfitAt
from protocol._strict import strict_converter
from protocol.errors import WireError

__all__ = [
    "JSON",
    "MSGPACK",
    "STORAGE",
    "Structurer",
    "pack",
    "structure",
    "unpack",
    "unstructure",
    "unstructurer",
]

T = TypeVar("T")

_REASON_LEN_MAX: Final = 200
_PATH_LEN_MAX: Final = 200


class Structurer:
    """Structures values of one encoding. Shapes are compiled at first use and kept.

    *trusts_any*: what is declared as ``Any`` is handed on as it is, for an owner that will
    structure it itself.
    """

    def __init__(self, encoding: str, *, trusts_any: bool = False) -> None:
        self._quick = strict_converter(encoding, explains=False, trusts_any=trusts_any)
        self._explaining = strict_converter(encoding, explains=True, trusts_any=trusts_any)
        self._hooks: dict[Any, Hook] = {}  # By shape: as many as the program has.

    def hook(self, shape: Any) -> Hook:
        """Return the compiled function for *shape*; its errors still need :meth:`explain`."""
        hook = self._hooks.get(shape)
        if hook is None:
            hook = self._hooks[shape] = self._quick.get_structure_hook(shape)
        return hook

    def structure(self, value: object, shape: Any) -> Any:
        """Return *value* as a *shape*.

        Raises:
          WireError: ``bad_request``, naming the place of the first misfit.
          StructureHandlerNotFoundError: *shape* itself cannot be structured: your mistake.
        """
        try:
            return self.hook(shape)(value, shape)
        except StructureHandlerNotFoundError:
            raise
        except Exception as error:  # noqa: BLE001 -- validators and cattrs raise anything
            raise self.explain(value, shape, error) from None

    def explain(self, value: object, shape: Any, error: Exception) -> WireError:
        """Return the typed error for *value*, which :meth:`hook` refused with *error*."""
        try:
            self._explaining.structure(value, shape)
        except StructureHandlerNotFoundError:
            raise
        except Exception as detailed:  # noqa: BLE001 -- as above; this is the one place
            error = detailed
        path, reason = _first_misfit(error)
        return WireError("bad_request", f"{path}: {reason}" if path else reason)


def _first_misfit(error: BaseException) -> tuple[str, str]:
    """Return the way to the first misfit and what is wrong there."""
    path = ""
    name = None
    while True:
        if isinstance(error, MisfitAt) and error.__cause__ is not None:
            path += f"[{error.place!r}]" if isinstance(error.place, str) else f"[{error.place}]"
            error, name = error.__cause__, None
        elif isinstance(error, ClassValidationError):
            fields, others = error.group_exceptions()
            if fields:
                error, note = fields[0]
                name = note.name
                path += f".{name}"
            else:
                error, name = others[0], None
        else:
            break
    # A key or a validator's message may hold what cannot be sent back.
    path = path.lstrip(".").encode("utf-8", "backslashreplace").decode()
    return path[:_PATH_LEN_MAX], _reason(error, name)


def _reason(error: BaseException, name: str | None) -> str:
    if isinstance(error, KeyError):
        return "is missing" if error.args == (name,) else "is not acceptable"
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    text = error.args[0] if error.args else None
    if not isinstance(text, str):
        return "is not acceptable"
    return text[:_REASON_LEN_MAX].encode("utf-8", "backslashreplace").decode()


_STRUCTURERS: Final[Mapping[str, Structurer]] = MappingProxyType(
    {encoding: Structurer(encoding) for encoding in (JSON, MSGPACK, STORAGE)}
)
_PLAIN: Final = plain_converter()


def structurer(encoding: str) -> Structurer:
    """Return the shared structurer of *encoding* (``json``, ``msgpack`` or ``storage``)."""
    return _STRUCTURERS[encoding]


@overload
def structure(value: object, shape: type[T], *, encoding: str) -> T: ...
@overload
def structure(value: object, shape: Any, *, encoding: str) -> Any: ...
def structure(value: object, shape: Any, *, encoding: str) -> Any:
    """Return plain *value*, as decoded from *encoding*, as a *shape*.

    Raises:
      WireError: ``bad_request``, naming the place of the first misfit.
      StructureHandlerNotFoundError: *shape* itself cannot be structured: your mistake.
    """
    return _STRUCTURERS[encoding].structure(value, shape)


def unstructure(value: object, shape: Any = None) -> Any:
    """Return *value* as plain data; bytes stay bytes.

    *shape* is what it was declared as, if that is more than its class: a union, whose members
    then carry their tag.
    """
    return _PLAIN.unstructure(value, unstructure_as=shape)


def unstructurer(cls: type) -> Callable[[Any], Any]:
    """Return what :func:`unstructure` does to instances of *cls*, for whoever does it often."""
    return _PLAIN.get_unstructure_hook(cls)


def pack(value: object, shape: Any = None) -> bytes:
    """Return *value* as MessagePack bytes, for storage. Inverse of :func:`unpack`."""
    packed: bytes = msgpack.packb(_PLAIN.unstructure(value, unstructure_as=shape))
    return packed


@overload
def unpack(payload: bytes, shape: type[T]) -> T: ...
@overload
def unpack(payload: bytes, shape: Any) -> Any: ...
def unpack(payload: bytes, shape: Any) -> Any:
    """Return what :func:`pack` stored, as a *shape*. Unknown fields are ignored.

    Raises:
      WireError: ``bad_request``: the bytes are damaged or of another shape.
    """
    try:
        value = msgpack.unpackb(payload, strict_map_key=False)
    except (ValueError, RecursionError) as error:
        # msgpack's own errors are ValueErrors, but for StackError and the like.
        raise WireError("bad_request", f"not MessagePack: {type(error).__name__}") from None
    return _STRUCTURERS[STORAGE].structure(value, shape)
