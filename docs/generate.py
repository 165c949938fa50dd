"""Writes the pages of docs/ that are made from the code; `make docs` runs it.

With `--check` it writes nothing, and ends with status 1 where a page is not what the code says.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from estafet.files import replacing
from estafet.runfile.reference import reference_page

DOCS = Path(__file__).parent

PAGES: dict[str, Callable[[], str]] = {"run-file.md": reference_page}
"""Every generated page, with what makes it."""


def main() -> int:
    """Write each page that is out of date; return the exit status."""
    check = "--check" in sys.argv[1:]
    stale = [name for name, page in PAGES.items() if not is_current(name, page())]
    for name in stale:
        print(f"docs/{name}: {'out of date; run `make docs`' if check else 'written'}")
        if not check:
            with replacing(DOCS / name) as file:
                file.write(PAGES[name]())
    return 1 if check and stale else 0


def is_current(name: str, text: str) -> bool:
    """Return whether the page on disk is `text`."""
    path = DOCS / name
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
