"""The command line: ``collab --help``."""

from collab.cli.commands import main as main
