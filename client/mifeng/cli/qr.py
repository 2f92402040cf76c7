"""A QR code in a terminal: two modules a character, black on white whatever the theme."""

from __future__ import annotations

import shutil
import sys

import typer

from mifeng.text import _

__all__ = ["coloured", "fits", "qr_lines", "show_qr"]

BORDER = 2
"""Modules of white around it; the standard says four, and cameras are content with two."""
_BLACK_ON_WHITE, _RESET = "\x1b[38;5;16;48;5;231m", "\x1b[0m"
_HALVES = {(0, 0): " ", (0, 1): "▄", (1, 0): "▀", (1, 1): "█"}


def qr_lines(text: str) -> list[str]:
    """Return the rows of characters that show the code, without colours."""
    import segno

    matrix = [
        list(row) for row in segno.make(text, error="l", micro=False).matrix_iter(border=BORDER)
    ]
    if len(matrix) % 2:
        matrix.append([0] * len(matrix[0]))
    pairs = zip(matrix[::2], matrix[1::2], strict=True)
    return ["".join(_HALVES[a, b] for a, b in zip(*pair, strict=True)) for pair in pairs]


def fits(lines: list[str]) -> bool:
    """Whether a terminal reads this, and shows all of the code at once with a few lines beside."""
    columns, rows = shutil.get_terminal_size()
    return sys.stdout.isatty() and len(lines[0]) <= columns and len(lines) + 4 <= rows


def coloured(lines: list[str]) -> list[str]:
    """Return the rows as a terminal shows them."""
    return [f"{_BLACK_ON_WHITE}{line}{_RESET}" for line in lines]


def show_qr(text: str, *, always: bool) -> None:
    """Print the code, if the window is large enough or it is wanted in any case."""
    lines = qr_lines(text)
    if not always and not fits(lines):
        if sys.stdout.isatty():
            note = _("This window is too small for its QR code; --qr shows it all the same.")
            typer.echo(note, err=True)
        return
    for line in coloured(lines) if sys.stdout.isatty() else lines:
        typer.echo(line)
