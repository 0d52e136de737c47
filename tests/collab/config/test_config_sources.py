"""Where settings come from, and what happens to wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from collab.config import Config, setting_names
from collab.config_sources import ConfigError, load_config


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and no ``COLLAB_*`` variables from outside."""
    import os

    for variable in list(os.environ):
        if variable.startswith("COLLAB_"):
            monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_any_source_the_defaults_hold() -> None:
    """[O2.1] Every setting has a default, which is safe on one machine."""
    loaded = load_config({})
    assert loaded.config == Config()
    assert (loaded.config.host, loaded.config.port) == ("127.0.0.1", 8787)
    assert set(loaded.sources.values()) == {"default"}


def test_flags_win_over_environment_over_file_over_defaults(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[O2.1] Flags > environment > file > defaults, setting by setting."""
    (elsewhere / "collab.toml").write_text(
        "port = 1\nconnections_per_address_max = 1\nconnections_max = 1\n"
    )
    monkeypatch.setenv("COLLAB_PORT", "2")
    monkeypatch.setenv("COLLAB_CONNECTIONS_PER_ADDRESS_MAX", "2")
    loaded = load_config({"port": 3})
    config = loaded.config
    assert (config.port, config.connections_per_address_max, config.connections_max) == (3, 2, 1)
    assert loaded.sources["port"] == "flag --port"
    assert (
        loaded.sources["connections_per_address_max"]
        == "environment COLLAB_CONNECTIONS_PER_ADDRESS_MAX"
    )
    assert loaded.sources["connections_max"] == f"file {elsewhere / 'collab.toml'}"
    assert loaded.sources["host"] == "default"


def test_the_file_is_found_where_it_is_named_first(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[O2.2] --config, else COLLAB_CONFIG, else DIR/collab.toml, else ./collab.toml."""
    (elsewhere / "store").mkdir()
    paths = {
        4: elsewhere / "collab.toml",
        3: elsewhere / "store" / "collab.toml",
        2: elsewhere / "b.toml",
        1: elsewhere / "a.toml",
    }
    for port, path in paths.items():
        path.write_text(f"port = {port}")
    assert load_config({}).config.port == 4
    assert load_config({"data": "store"}).config.port == 3
    monkeypatch.setenv("COLLAB_DATA", "store")
    assert load_config({}).config.port == 3
    monkeypatch.setenv("COLLAB_CONFIG", "b.toml")
    assert load_config({}).config.port == 2
    assert load_config({}, config_file=paths[1]).config.port == 1


def test_a_named_file_that_is_missing_is_an_error() -> None:
    """[O2.2] A named file must exist."""
    with pytest.raises(ConfigError, match="no such configuration file"):
        load_config({}, config_file=Path("nowhere.toml"))


def test_paths_in_a_file_are_relative_to_the_file(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[O2.2] Relative paths in a file belong to the file's folder; others to the working one."""
    (elsewhere / "etc").mkdir()
    (elsewhere / "etc" / "c.toml").write_text('data = "d"\ntls_cert = "c"\n')
    monkeypatch.setenv("COLLAB_TLS_KEY", "k")
    config = load_config({}, config_file=elsewhere / "etc" / "c.toml").config
    assert config.data == elsewhere / "etc" / "d"
    assert config.tls_cert == elsewhere / "etc" / "c"
    assert config.tls_key == elsewhere / "k"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("prot = 1", "prot"),
        ("[server]\nport = 1", "server.port"),
        ("port = 1.5", "not a whole number"),
        ("port = true", "not a whole number"),
        ("port = 70000", "65535"),
        ("port = -1", "port"),
        ("idle_timeout_s = nan", "idle_timeout_s"),
        ('port = "9001"', "'9001' is text, not a whole number"),
        ('idle_timeout_s = "60"', "'60' is text, not a number"),
        ('dev = "true"', "'true' is text, not true or false"),
        ("dev = 1", "1 is a number, not true or false"),
        ('allowed_origins = "https://a"', "'https://a' is text, not a list"),
        ("log_level = 1", "1 is a number, not text"),
        ("data = ['d']", "['d'] is a list, not text"),
        ("tls_cert = true", "True is true or false, not text"),
        ("drain_timeout_s = inf", "drain_timeout_s"),
        ("drain_timeout_s = true", "not a number"),
        ("batch_interval_ms = 49", "50"),
        ("batch_interval_ms = 251", "250"),
        ("host = 5", "not text"),
        ('host = ""', "host"),
        ("data = 5", "data"),
        ('dev = "perhaps"', "dev"),
        ("dev = [true]", "dev"),
        ('log_level = "loud"', "log_level"),
        ('log_format = "xml"', "log_format"),
        ("allowed_origins = 5", "allowed_origins"),
        ("allowed_origins = ['a', 5]", "not text"),
        ('tls_cert = "c"', "both or neither"),
        ("port = ", "collab.toml"),
        ("\xff", "collab.toml"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(elsewhere: Path, content: str, words: str) -> None:
    """[O2.3] Unknown keys, wrong types and wrong ranges are refused, naming key and file."""
    (elsewhere / "collab.toml").write_text(content, encoding="latin-1")
    with pytest.raises(ConfigError) as caught:
        load_config({})
    assert words in str(caught.value)
    assert "collab.toml" in str(caught.value)


def test_a_wrong_variable_is_refused_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """[O2.3] The message names the variable: container platforms set COLLAB_PORT to a URL."""
    monkeypatch.setenv("COLLAB_PORT", "tcp://10.0.0.1:8787")
    with pytest.raises(ConfigError, match="environment COLLAB_PORT"):
        load_config({})


def test_an_unknown_variable_only_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    """[O2.4] Unknown COLLAB_* variables are named in a warning; known ones are not."""
    monkeypatch.setenv("COLLAB_PROT", "1")
    monkeypatch.setenv("COLLAB_TOKEN", "x")
    (warning,) = load_config({}).warnings
    assert "COLLAB_PROT" in warning


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "127.0.0.1.example.org"]
)
def test_development_stays_on_this_machine(host: str) -> None:
    """[O1.5] ``dev`` with a host that others can reach is refused, wherever it comes from."""
    with pytest.raises(ConfigError, match="loopback"):
        load_config({"dev": True, "host": host})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_development_works_on_loopback(host: str) -> None:
    """[O1.5] Any loopback address will do."""
    assert load_config({"dev": True, "host": host}).config.dev


def test_lists_are_comma_separated_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """[O2.1] Origins hold colons, so lists in variables and flags are split at commas."""
    monkeypatch.setenv("COLLAB_ALLOWED_ORIGINS", "https://a.example,https://b.example:8443")
    origins = load_config({}).config.allowed_origins
    assert origins == ("https://a.example", "https://b.example:8443")


def test_a_file_with_proper_types_is_taken(elsewhere: Path) -> None:
    """[O2.3] Numbers, lists, truth and text as TOML writes them; a whole number is a number."""
    (elsewhere / "collab.toml").write_text(
        'port = 9001\ndev = true\nidle_timeout_s = 60\nallowed_origins = ["https://a,b"]\n'
    )
    config = load_config({}).config
    assert (config.port, config.dev, config.idle_timeout_s) == (9001, True, 60.0)
    assert config.allowed_origins == ("https://a,b",)


def test_variables_are_read_leniently(monkeypatch: pytest.MonkeyPatch) -> None:
    """[O2.3] A variable has no type but text: numbers and truth are read from it."""
    monkeypatch.setenv("COLLAB_PORT", "9001")
    monkeypatch.setenv("COLLAB_DEV", "true")
    config = load_config({}).config
    assert (config.port, config.dev) == (9001, True)


def test_every_setting_is_explained() -> None:
    """[O2.5] Every setting has a sentence for ``--help`` and ``collab config``."""
    from collab.config import about

    for name in setting_names():
        assert about(name).endswith(".")
