"""Merges the settings' sources, and remembers which one each value comes from.

Precedence: flags, then environment (``COLLAB_PORT``), then one TOML file, then defaults. The file
is the one named by ``--config`` or ``COLLAB_CONFIG``, else ``collab.toml`` in the data directory,
else ``./collab.toml``. An unknown key in the file is refused: it is a typing mistake that would
silently do nothing. An unknown ``COLLAB_*`` variable only warns, because container platforms set
some by themselves.

The file has types of its own, so it is taken at its word: ``port = "9001"`` is refused. Variables
are text by nature and are read leniently.

Relative paths in the file are relative to the file; others to the working directory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, get_origin

import attrs
from attrs import frozen
from typed_settings import EnvLoader, FileLoader, SettingsState, TomlFormat, register_strlist_hook
from typed_settings.converters import get_default_cattrs_converter, get_path_converter_from
from typed_settings.exceptions import TsError
from typed_settings.types import LoadedSettings

from collab.config import Config, setting_names

ENV_PREFIX: Final = "COLLAB_"
CONFIG_VARIABLE: Final = "COLLAB_CONFIG"
URL_VARIABLE: Final = "COLLAB_URL"
TOKEN_VARIABLE: Final = "COLLAB_TOKEN"
FILE_NAME: Final = "collab.toml"
# The last two are read by the commands that are clients.
_OTHER_VARIABLES: Final = frozenset({CONFIG_VARIABLE, URL_VARIABLE, TOKEN_VARIABLE})


_TYPES: Final[Mapping[Any, tuple[str, tuple[type, ...]]]] = MappingProxyType(
    {
        bool: ("true or false", (bool,)),
        int: ("a whole number", (int,)),
        float: ("a number", (int, float)),
        tuple: ("a list", (list,)),
    }
)
_WORDS: Final[Mapping[type, str]] = MappingProxyType(
    {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list"}
)


class ConfigError(Exception):
    """A setting is wrong. The message names it, its source, and what is allowed."""


@frozen
class Loaded:
    """A configuration in force, and where each value comes from (by name)."""

    config: Config
    sources: Mapping[str, str]
    file: Path | None
    warnings: tuple[str, ...]


def load_config(flags: Mapping[str, object], *, config_file: Path | None = None) -> Loaded:
    """Merge *flags* (by setting name) with environment, file and defaults.

    Raises:
      ConfigError: anything is unknown, malformed or out of range; names the source.
    """
    file = _find_file(flags, config_file)
    sources = dict.fromkeys(setting_names(), "default")
    values: dict[str, object] = {}
    for origin, loaded, is_typed in _layers(file):  # Weakest first.
        for name, raw in loaded.settings.items():
            if is_typed:
                _check_type(name, raw, origin(name))
            values[name] = _convert(name, raw, origin(name), loaded.meta.base_dir)
            sources[name] = origin(name)
    for name, raw in flags.items():
        sources[name] = "flag --" + name.replace("_", "-")
        values[name] = _convert(name, raw, sources[name], Path.cwd())
    try:
        config = Config(**values)  # type: ignore[arg-type]  # Converted, each by its type.
    except ValueError as error:
        raise ConfigError(_sentence(error, sources)) from None
    return Loaded(config, sources, file, tuple(_stray_variables()))


def _find_file(flags: Mapping[str, object], config_file: Path | None) -> Path | None:
    named = config_file or os.environ.get(CONFIG_VARIABLE)
    if named:
        path = Path(named)
        if not path.is_file():
            raise ConfigError(f"{path}: no such configuration file")
        return path.resolve()
    data = flags.get("data") or os.environ.get("COLLAB_DATA") or attrs.fields(Config).data.default
    for directory in (Path(str(data)), Path()):
        candidate = directory / FILE_NAME
        if candidate.is_file():
            return candidate.resolve()
    return None


def _layers(file: Path | None) -> Iterator[tuple[Any, LoadedSettings, bool]]:
    """Yield (name -> words for the source, what it sets, whether it has types), weakest first."""
    environment = EnvLoader(ENV_PREFIX)
    files = FileLoader({"*": TomlFormat(None)}, [file] if file else [])
    state = SettingsState(
        Config, [files, environment], [], get_default_cattrs_converter(), Path.cwd()
    )
    try:
        for loaded in files(Config, state.options):
            yield lambda _name: f"file {file}", loaded, True
    except (TsError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from None
    yield (
        lambda name: f"environment {ENV_PREFIX}{name.upper()}",
        environment(Config, state.options),
        False,
    )


def _check_type(name: str, raw: object, source: str) -> None:
    """Refuse a value that a file writes as something else than what it is.

    Raises:
      ConfigError: it is of another type.
    """
    wanted: Any = attrs.fields_dict(attrs.resolve_types(Config))[name].type
    # What remains is written as text: paths, choices, text itself.
    word, types = _TYPES.get(get_origin(wanted) or wanted, ("text", (str,)))
    if type(raw) not in types:  # Not isinstance: true is a whole number for Python.
        given = _WORDS.get(type(raw), type(raw).__name__)
        raise ConfigError(f"{name}: {raw!r} is {given}, not {word} (from {source})")


def _convert(name: str, raw: object, source: str, base_dir: Path) -> object:
    converter = get_default_cattrs_converter()
    register_strlist_hook(converter, ",")
    converter.register_structure_hook(int, _whole_number)
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(str, _text)
    wanted: Any = attrs.fields_dict(attrs.resolve_types(Config))[name].type
    try:
        with get_path_converter_from(converter).chdir(base_dir):
            return converter.structure(raw, wanted)
    except Exception as error:  # noqa: BLE001  # Groups and leaks of the library alike.
        reason = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        raise ConfigError(f"{name}: {reason} (from {source})") from None


def _whole_number(raw: object, _type: object) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.strip().isdecimal():
        return int(raw)
    raise ValueError(f"{raw!r} is not a whole number")


def _number(raw: object, _type: object) -> float:
    if isinstance(raw, int | float | str) and not isinstance(raw, bool):
        try:
            return float(raw)
        except ValueError:
            pass
    raise ValueError(f"{raw!r} is not a number")


def _text(raw: object, _type: object) -> str:
    if isinstance(raw, str):
        return raw
    raise ValueError(f"{raw!r} is not text")


def _sentence(error: ValueError, sources: Mapping[str, str]) -> str:
    text = str(error.args[0])  # Validators add the attribute and more behind it.
    words = re.findall(r"\w+", text)
    origins = [f"{name} from {sources[name]}" for name in setting_names() if name in words]
    return f"{text} ({'; '.join(origins)})" if origins else text


def _stray_variables() -> Iterator[str]:
    known = {ENV_PREFIX + name.upper() for name in setting_names()} | _OTHER_VARIABLES
    for variable in sorted(os.environ):
        if variable.startswith(ENV_PREFIX) and variable not in known:
            yield f"{variable} is set but is no setting of ours; ignored"
