"""``python -m collab`` is the same as ``collab``."""

from collab.cli import main

main()
