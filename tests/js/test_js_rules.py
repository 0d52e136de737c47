"""What a machine can see of the JavaScript client's sources without Node."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import collab.limits
import protocol.limits

ROOT: Final = Path(__file__).parent.parent.parent
PROJECT: Final = ROOT / "protocol" / "js"
FOLDERS: Final = ("src", "test", "react/src", "react/test", "tanstack/src", "tanstack/test")
SOURCES: Final = tuple(
    path for folder in FOLDERS for path in sorted((PROJECT / folder).rglob("*.ts*"))
)
RULE: Final = re.compile(r"\*\*(JS\d+\.\d+)\*\*")
PROOF: Final = re.compile(r"`(protocol/js/[\w/.-]+\.test\.tsx?)`")
QUOTED: Final = re.compile(r"\[(JS\d+\.\d+)\]")
LIMIT: Final = re.compile(r"^export const (\w+) = ([\d_]+)", re.MULTILINE)
# Bounds that a browser alone has: its sockets pile up what they are given.
OWN_LIMITS: Final = frozenset(
    {"SOCKET_BUFFER_BYTES_MAX", "SOCKET_LOOK_MS", "TIMER_MAX_MS", "LINES_SHOWN_MAX"}
    | {"VIEW_LINGER_MS", "PROBE_TIMEOUT_MS"}
)
FILE_LINES_MAX: Final = 400


def rules() -> dict[str, str]:
    pieces = RULE.split((ROOT / "docs" / "spec.md").read_text())[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


def test_every_rule_of_the_javascript_client_is_quoted_by_its_tests() -> None:
    """[O9.8] A rule names the files of its tests, and they quote it."""
    problems = []
    for number, text in rules().items():
        files = PROOF.findall(text)
        if not files:
            problems.append(f"{number}: names no test")
        problems += [
            f"{number}: {file} does not quote it"
            for file in files
            if not (ROOT / file).exists() or f"[{number}]" not in (ROOT / file).read_text()
        ]
    assert not problems, "\n".join(problems)


def test_what_the_javascript_tests_quote_are_rules() -> None:
    """[O9.8] No test quotes a rule that there is not."""
    known = rules()
    quoted = {
        (path.name, number) for path in SOURCES for number in QUOTED.findall(path.read_text())
    }
    assert quoted
    assert {(name, number) for name, number in quoted if number not in known} == set()


def test_the_javascript_client_keeps_to_the_bounds_of_the_python_client() -> None:
    """[O9.3] One bound has one value: seconds there are milliseconds here."""
    text = (PROJECT / "src" / "limits.ts").read_text()
    limits = {name: int(value.replace("_", "")) for name, value in LIMIT.findall(text)}
    assert limits.keys() >= OWN_LIMITS
    for name in sorted(limits.keys() - OWN_LIMITS):
        module = protocol.limits if hasattr(protocol.limits, ported(name)) else collab.limits
        value = getattr(module, ported(name))
        factor = 1000 if ported(name) != name else 1
        assert limits[name] == value * factor, name


def ported(name: str) -> str:
    """Return what a limit of the client is called in Python."""
    if name.endswith("_MS") and not hasattr(protocol.limits, name):
        return name.removesuffix("_MS") + "_S"
    return name


def test_the_javascript_sources_are_short_and_typed() -> None:
    """[O9.3] Files fit a reader; nothing is of type ``any``, nothing is silenced."""
    problems = []
    for path in SOURCES:
        if "generated" in path.parts:
            continue
        text = path.read_text()
        place = path.relative_to(ROOT)
        if len(text.splitlines()) > FILE_LINES_MAX:
            problems.append(f"{place}: too long")
        # What a test expects to be an error is the point of it.
        silenced = "@ts-(ignore|nocheck)" if "test" in path.parts else "@ts-"
        if re.search(rf":\s*any\b|\bas any\b|<any>|{silenced}", text):
            problems.append(f"{place}: any, or a silenced check")
    assert not problems, "\n".join(problems)
