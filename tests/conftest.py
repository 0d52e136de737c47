"""Options of the whole test run."""

from __future__ import annotations

import gc

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests marked long too (minutes)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    skip = pytest.mark.skip(reason="long: runs only with --long")
    for item in items:
        if "long" in item.keywords:
            item.add_marker(skip)


def pytest_configure() -> None:
    """Do not look for garbage among the thousands of tests that are being collected."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Look for it from here on, seldom, and not among what was collected."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
