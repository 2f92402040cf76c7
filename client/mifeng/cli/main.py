"""`mifeng`: where every command begins.

The page is what people open every morning, and what parses all other commands is as much to load as
a third of what is behind the page. So the plain lines that open it go straight there; every other
line, with its help and its errors, is typer's.
"""

from __future__ import annotations

import sys

from mifeng import text

text.use_from(sys.argv)

from mifeng.cli.hardening import keep_memory_off_the_disk, strike_out_links  # noqa: E402
from mifeng.cli.opening import is_desktop, opening_in, serve  # noqa: E402
from mifeng.cli.options import hoist, run_to_exit  # noqa: E402
from mifeng.cli.routed import open_streams  # noqa: E402

__all__ = ["main"]


def main() -> None:
    """The entry point. Without a word, before a screen, it opens the page."""
    strike_out_links()
    keep_memory_off_the_disk()
    open_streams()
    words = sys.argv[1:]
    if not words and is_desktop():
        words = ["ui"]
    words = hoist(words)
    if (opening := opening_in(words)) is not None:
        sys.exit(run_to_exit(opening.told, lambda: serve(opening)))
    from mifeng.cli.app import app

    app(args=words)


if __name__ == "__main__":
    main()
