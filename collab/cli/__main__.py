"""``python -m collab.cli`` is the same as ``collab``."""

from collab.cli import main

main()
