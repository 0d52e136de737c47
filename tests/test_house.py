"""The rules of the house, where a machine can see them. ``docs/design.md`` says why."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
PACKAGES: Final = ("actors", "protocol", "collab", "loadtest", "tests")
SOURCES: Final = tuple(
    sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
)
# Who may import whom, besides itself. ``loadtest`` uses only the clients.
MAY_IMPORT: Final = MappingProxyType(
    {
        "actors": (),
        "protocol": (),
        "collab": ("actors", "protocol"),
        "loadtest": ("protocol.client", "protocol.errors", "protocol.limits", "collab.client"),
        "tests": ("actors", "protocol", "collab", "loadtest"),
    }
)
FILE_LINES_MAX: Final = 400
TEST_FILE_LINES_MAX: Final = 500  # Tables of cases are long and easy to read.
FUNCTION_LINES_MAX: Final = 70
BANNED_WORDS: Final = frozenset(
    {"manager", "managers", "helper", "helpers", "util", "utils", "utility", "info", "infos"}
)
# Plain dicts, lists and sets at module level are state that every server in a process shares.
MUTABLE_CALLS: Final = frozenset(
    {"list", "dict", "set", "defaultdict", "deque", "Counter", "OrderedDict", "bytearray"}
    | {"WeakKeyDictionary", "WeakValueDictionary", "WeakSet", "ContextVar"}
)
MUTABLE_NODES: Final = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
READ_ONLY: Final = re.compile(r"\b(Mapping|Sequence|Set)\[")  # The type checker holds them to it.
SQL: Final = re.compile(
    r"\s*(SELECT\s.+|INSERT\s+(OR\s+\w+\s+)?INTO\s.+|UPDATE\s+\w+\s+SET\s.+|DELETE\s+FROM\s.+"
    r"|CREATE\s+(TABLE|INDEX|VIEW|TRIGGER)\s.+|PRAGMA\s+\w+.*)",
    re.DOTALL,
)
UNFINISHED: Final = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX")) + r")\b")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of everything that *path* imports."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def is_test(path: Path) -> bool:
    return path.is_relative_to(ROOT / "tests")


def report(problems: list[str]) -> None:
    assert not problems, "\n" + "\n".join(problems)


def place(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def test_packages_import_only_what_is_below_them() -> None:
    """[O9.1] actors and protocol know nobody; collab knows both; loadtest knows the clients."""
    problems = []
    for path in SOURCES:
        package = path.relative_to(ROOT).parts[0]
        for line, name in imports_of(path):
            if name.split(".")[0] not in PACKAGES or is_within(name, package):
                continue
            if not any(is_within(name, allowed) for allowed in MAY_IMPORT[package]):
                problems.append(f"{place(path, line)}: {package} must not import {name}")
    report(problems)


def test_actors_needs_only_trio_and_attrs() -> None:
    """[O9.1] The kernel depends on trio, attrs and the standard library."""
    import sys

    allowed = {"actors", "trio", "attrs", *sys.stdlib_module_names}
    report(
        [
            f"{place(path, line)}: actors must not import {name}"
            for path in SOURCES
            if path.is_relative_to(ROOT / "actors") and "testing" not in path.parts
            for line, name in imports_of(path)
            if name.split(".")[0] not in allowed
        ]
    )


@pytest.mark.parametrize("name", ["meeting", "chat", "user"])
def test_a_package_can_be_imported_first(name: str) -> None:
    """[O9.9] Kinds send each other commands; none needs another to be there before it."""
    code = f"from collab.{name} import {name.upper()}"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_underscored_modules_are_imported_only_within_their_package() -> None:
    """[O9.2] A package is used through its face; its inside is its own, and its tests'."""
    problems = []
    for path in SOURCES:
        here = module_of(path).removeprefix("tests.")  # Tests lie where their package does.
        for line, name in imports_of(path):
            parts = name.split(".")
            if parts[0] not in PACKAGES:
                continue
            for depth, part in enumerate(parts):
                owner = ".".join(parts[:depth])
                is_private = part.startswith("_") and not part.startswith("__")
                if is_private and depth and not is_within(here, owner):
                    problems.append(f"{place(path, line)}: {name} belongs to {owner}")
    report(problems)


def test_files_and_functions_fit_a_reader() -> None:
    """[O9.3] Files have at most 400 lines, functions at most 70."""
    problems = []
    for path in SOURCES:
        lines = len(path.read_text().splitlines())
        if lines > (TEST_FILE_LINES_MAX if is_test(path) else FILE_LINES_MAX):
            problems.append(f"{place(path, 1)}: {lines} lines")
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES_MAX:
                    problems.append(f"{place(path, node.lineno)}: {node.name} has {length} lines")
    report(problems)


def names_made_in(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of everything that *path* names: itself, classes, functions, variables."""
    yield 1, path.stem
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def words_of(name: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return [word for word in spaced.lower().split("_") if word]


def test_names_say_what_a_thing_is() -> None:
    """[O9.4] No manager, helper, util or info; nothing is merely processed."""
    problems = []
    for path in SOURCES:
        for line, name in names_made_in(path):
            words = words_of(name)
            if BANNED_WORDS & set(words) or (words[:1] == ["process"] and len(words) > 1):
                problems.append(f"{place(path, line)}: {name}")
    report(problems)


def test_no_module_holds_mutable_state() -> None:
    """[O9.5] Several systems and servers live in one process: modules hold constants only."""
    problems = []
    for path in SOURCES:
        if is_test(path):
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Global):
                problems.append(f"{place(path, node.lineno)}: global")
        for statement in tree_of(path).body:
            if not isinstance(statement, ast.Assign | ast.AnnAssign):
                continue
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            is_face = any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets)
            is_read_only = isinstance(statement, ast.AnnAssign) and READ_ONLY.search(
                ast.unparse(statement.annotation)
            )
            if not is_face and not is_read_only and is_mutable(statement.value):
                problems.append(f"{place(path, statement.lineno)}: {ast.unparse(targets[0])}")
    report(problems)


def is_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, MUTABLE_NODES):
        return True
    if not isinstance(value, ast.Call):
        return False
    name = value.func.attr if isinstance(value.func, ast.Attribute) else ast.unparse(value.func)
    return name in MUTABLE_CALLS


def docstrings_of(tree: ast.Module) -> set[ast.expr]:
    return {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }


def test_sql_lives_in_storage_only() -> None:
    """[O9.6] Outside ``collab/storage`` nobody writes SQL or imports SQLite."""
    problems = []
    for path in SOURCES:
        folder = path.relative_to(ROOT)
        if folder.is_relative_to("collab/storage") or folder.parts[0] == "tests":
            continue
        tree = tree_of(path)
        docstrings = docstrings_of(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                continue
            if node not in docstrings and SQL.fullmatch(node.value):
                problems.append(f"{place(path, node.lineno)}: {node.value[:40]!r}")
        problems += [
            f"{place(path, line)}: {name}"
            for line, name in imports_of(path)
            if name.split(".")[0] in {"apsw", "sqlite3"}
        ]
    report(problems)


def test_nothing_is_left_for_later_in_the_code() -> None:
    """[O9.7] Work that is left stands in issues, not in comments."""
    papers = [*SOURCES, *ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    report(
        [
            f"{place(path, number)}: {line.strip()}"
            for path in papers
            for number, line in enumerate(path.read_text().splitlines(), 1)
            if UNFINISHED.search(line)
        ]
    )


RULE: Final = re.compile(r"\*\*([A-Z]\d+\.\d+)\*\*")
PROOF: Final = re.compile(r"`((?:tests|actors)/[\w/]+\.py)::(\w+)`")
QUOTED: Final = re.compile(r"\[([A-Z]\d+\.\d+)\]")


def spec_rules() -> dict[str, str]:
    """Return rule number -> its text, up to the next rule."""
    text = (ROOT / "docs" / "spec.md").read_text()
    pieces = RULE.split(text)[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


def test_every_rule_names_a_test_that_exists() -> None:
    """[O9.8] A rule without a test is a wish."""
    problems = []
    for number, text in spec_rules().items():
        proofs = PROOF.findall(text)
        if not proofs:
            problems.append(f"{number}: names no test")
        for file, name in proofs:
            path = ROOT / file
            if not path.exists():
                problems.append(f"{number}: {file} does not exist")
            elif not re.search(rf"def {name}\b", path.read_text()):
                problems.append(f"{number}: {file} has no {name}")
    report(problems)


def test_every_rule_is_numbered_once() -> None:
    """[O9.8] Rule numbers are unique."""
    numbers = RULE.findall((ROOT / "docs" / "spec.md").read_text())
    assert len(numbers) == len(set(numbers)), sorted({n for n in numbers if numbers.count(n) > 1})


def test_every_quoted_rule_exists() -> None:
    """[O9.8] A test quotes rules that the specification has."""
    rules = spec_rules()
    problems = []
    for path in SOURCES:
        if not is_test(path):
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for number in QUOTED.findall(ast.get_docstring(node) or ""):
                    if number not in rules:
                        problems.append(f"{place(path, node.lineno)}: no rule {number}")
    report(problems)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("HTTPInfo", ["http", "info"]),
        ("collect_info", ["collect", "info"]),
        ("information", ["information"]),
        ("_x", ["x"]),
    ],
)
def test_names_are_split_into_words(name: str, words: list[str]) -> None:
    """[O9.4] The checker itself sees words, not substrings."""
    assert words_of(name) == words
