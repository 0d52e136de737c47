"""The list of commands. Each lives in its own module, loaded when it is used."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from cyclopts import App

from collab.cli.exit_codes import CommandFailed, ExitCode, leaves

_COMMANDS: Final = (
    (
        "serve",
        "collab.cli.serve:serve",
        "Run a server.",
        "collab serve --dev",
        "collab serve --host 0.0.0.0 --tls-cert c.pem --tls-key k.pem",
        "collab serve --data /var/lib/collab --port 9000 --log-format json",
        "COLLAB_LOG_FORMAT=json collab serve --config /etc/collab.toml",
    ),
    (
        "demo",
        "collab.cli.demo:demo",
        "Run a server and play a small meeting into it.",
        "collab demo",
        "collab demo --speed 4 --port 8787",
    ),
    (
        "token",
        "collab.cli.token:token",
        "Sign a token with the data directory's own key.",
        "collab token --user ann",
        "collab token --user ann --ttl 86400 --data /var/lib/collab",
        "collab token --user ann --org acme --role admin",
        "collab token --user bot --scope meeting:transcript.append",
        "collab token --guest",
    ),
    (
        "call",
        "collab.cli.call:call",
        "Call one operation of one target.",
        'collab call chat:c1 messages.post \'{"text": "hello"}\' --token dev:ann',
        "echo '{\"limit\": 10}' | collab call chat:c1 messages.page - --token dev:ann",
    ),
    (
        "follow",
        "collab.cli.follow:follow",
        "Follow a target: JSON lines, across restarts of the server.",
        "collab follow meeting:m1 --token dev:ann",
        "collab follow meeting:m1 transcript messages --token dev:ann | jq .",
    ),
    (
        "notes export",
        "collab.cli.notes:export",
        "Print a note as Markdown, HTML or plain text.",
        "collab notes export meeting:m1 --token dev:ann > m1.md",
        "collab notes export chat:c1 --format html --token dev:ann > c1.html",
    ),
    (
        "notes import",
        "collab.cli.notes:take_in",
        "Make a Markdown file the content of a note.",
        "collab notes import meeting:m1 m1.md --token dev:ann",
        "cat *.md | collab notes import meeting:m1 - --token dev:ann",
    ),
    (
        "audit export",
        "collab.cli.audit:export",
        "Print who did what, as JSON Lines.",
        "collab audit export --data /var/lib/collab > audit.jsonl",
        "collab audit export --user ann --since 2026-11-01 --action follow",
    ),
    (
        "audit verify",
        "collab.cli.audit:verify",
        "Prove that nobody has touched the audit log.",
        "collab audit verify",
        "collab audit verify --data /var/lib/collab --anchor $(cat audit.end)",
    ),
    (
        "schema",
        "collab.cli.schema:schema",
        "Print the contract: AsyncAPI, JSON Schema, TypeScript, Markdown.",
        "collab schema > asyncapi.json",
        "collab schema --format typescript --kinds checklist:CHECKLIST > wire.ts",
    ),
    (
        "flags list",
        "collab.cli.feature_flags:show",
        "Show the feature flags of an environment, with their rules.",
        "collab flags list --env production",
    ),
    (
        "flags set",
        "collab.cli.feature_flags:change",
        "Set a feature flag; live for everybody at once.",
        'collab flags set new_editor --percent 10 --reason "first tenth" --env production',
        'collab flags set new_editor --org acme --percent 0 --reason "acme tries it"',
        'collab flags set new_editor --off --reason "too slow"',
    ),
    (
        "schedules list",
        "collab.cli.schedules:show",
        "Show durable timers, soonest first.",
        "collab schedules list",
        "collab schedules list --target quota:ann",
    ),
    (
        "schedules cancel",
        "collab.cli.schedules:cancel",
        "Take a durable timer away.",
        "collab schedules cancel quota:ann midnight",
    ),
    (
        "keys rotate",
        "collab.cli.keys:rotate",
        "Seal people's provider keys with a fresh master key.",
        "collab keys rotate --data /var/lib/collab",
    ),
    (
        "config",
        "collab.cli.show_config:show_config",
        "Show the settings in force, and where each comes from.",
        "collab config",
        "COLLAB_PORT=9000 collab config --data /var/lib/collab",
    ),
    (
        "doctor",
        "collab.cli.doctor:doctor",
        "Check disk, limits, database and clock.",
        "collab doctor",
        "collab doctor --data /var/lib/collab",
    ),
)
# The command line library would write [ARGS...].
_USAGES: Final[Mapping[str, str]] = MappingProxyType(
    {"follow": "Usage: collab follow [OPTIONS] TARGET [TOPICS...]"}
)
# Commands of two words stand under the first one.
_GROUPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "notes": "A note into a file, and back.",
        "audit": "Who did what: the log, and its proof.",
        "flags": "Feature flags.",
        "schedules": "Durable timers.",
        "keys": "What seals people's provider keys.",
    }
)


def make_cli() -> App:
    """Return the command line as an object, so that tests can look at it."""
    app = App(
        name="collab",
        help="A real-time collaboration server.",
        help_epilogue=_examples("collab demo", "collab serve --dev", "collab serve --help"),
        help_format="plaintext",
    )
    groups = {name: App(name=name, help=about) for name, about in _GROUPS.items()}
    for name, where, about, *examples in _COMMANDS:
        first, _, second = name.partition(" ")
        parent = groups[first] if second else app
        parent.command(
            where,
            name=second or first,
            help=about,
            usage=_USAGES.get(name),
            help_epilogue=_examples(*examples),
        )
    for group in groups.values():
        app.command(group)
    return app


def main(words: Sequence[str] | None = None) -> None:
    """Run the command that *words* (default: the arguments of the program) name, then exit."""
    try:
        code = make_cli()(words, result_action="return_value")
    except (CommandFailed, KeyboardInterrupt, BrokenPipeError, BaseExceptionGroup) as error:
        code = _end_of(error)
    sys.exit(ExitCode.DONE if code is None else code)


def _end_of(error: BaseException) -> ExitCode:
    """Say how *error* ends the command; what is a bug of ours stays a traceback."""
    for leaf in leaves(error):
        if isinstance(leaf, CommandFailed):
            if leaf.line is not None:
                print(f"collab: {leaf.line}", file=sys.stderr)
            return leaf.code
        if isinstance(leaf, KeyboardInterrupt):
            return ExitCode.INTERRUPTED
        if isinstance(leaf, BrokenPipeError):
            # The reader (``head``, ``jq``) has seen enough. Keep the interpreter from complaining.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return ExitCode.DONE
    raise error


def _examples(*lines: str) -> str:
    return "Examples:\n\n" + "\n".join(f"    {line}" for line in lines)
