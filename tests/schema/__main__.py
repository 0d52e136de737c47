"""Renew what is generated: ``python -m tests.schema``."""

from __future__ import annotations

from tests.schema.checked_in import ROOT, expected


def main() -> None:
    for path, content in expected().items():
        if not path.exists() or path.read_text() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
