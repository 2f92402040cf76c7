"""`mifeng-server`: the command of whoever runs the server."""

from __future__ import annotations

import gc
import sys

from mifeng_server import text

__all__ = ["main"]


def main() -> None:
    """The entry point."""
    # Before the commands are loaded: their help is made of texts that are looked up while loading.
    text.use_from(sys.argv)
    gc.disable()  # what is loaded stays: looking for garbage in it takes a sixth of the time
    from mifeng_server.cli.operations import app

    gc.enable()
    app(args=_language_first(sys.argv[1:]))


def _language_first(words: list[str]) -> list[str]:
    """`--lang` may stand anywhere on the line."""
    for at, word in enumerate(words):
        if word == "--lang" or word.startswith("--lang="):
            end = at + (2 if word == "--lang" else 1)
            return [*words[at:end], *words[:at], *words[end:]]
    return words
