"""The QR code in a terminal is, module for module, the one of the link."""

from __future__ import annotations

import segno

from mifeng.cli.qr import BORDER, coloured, qr_lines

LINK = "mifeng:join#" + "aB3_-" * 64


def test_the_characters_are_the_modules_of_the_code() -> None:
    lines = qr_lines(LINK)
    modules = []
    for line in lines:
        modules.append([int(c in "▀█") for c in line])
        modules.append([int(c in "▄█") for c in line])
    code = segno.make(LINK, error="l", micro=False)
    expected = [list(row) for row in code.matrix_iter(border=BORDER)]
    assert modules[: len(expected)] == expected
    assert not any(map(any, modules[len(expected) :]))


def test_the_code_of_a_link_fits_a_window_of_eighty_columns() -> None:
    lines = qr_lines(LINK)
    assert {len(line) for line in lines} == {len(lines[0])}
    assert len(lines[0]) <= 80


def test_it_is_black_on_white_whatever_the_theme() -> None:
    assert all(
        line.startswith("\x1b[38;5;16;48;5;231m") and line.endswith("\x1b[0m")
        for line in coloured(qr_lines(LINK))
    )
