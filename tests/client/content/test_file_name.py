"""Names of received files: whatever was wished, one harmless name in the folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifeng.content.file_name import MAX_NAME_BYTES, safe_name, shortened


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        ("report.pdf", "report.pdf"),
        ("季度报告 2026.pdf", "季度报告 2026.pdf"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\windows\\system32\\a.dll", "a.dll"),
        ("C:\\a.txt", "a.txt"),
        ("C:a.txt", "C_a.txt"),
        ("a.txt:hidden", "a.txt_hidden"),
        ("", "file"),
        (".", "file"),
        ("..", "file"),
        ("...", "file"),
        ("a/", "file"),
        ("   ", "file"),
        (".bashrc", "_.bashrc"),
        ("-rf", "_-rf"),
        ("~root", "_~root"),
        ("con", "_con"),
        ("CON.txt", "_CON.txt"),
        ("nul.tar.gz", "_nul.tar.gz"),
        ("lpt9", "_lpt9"),
        ("COM1.log", "_COM1.log"),
        ("console.txt", "console.txt"),
        ("a\0b.txt", "ab.txt"),
        ("a\nb\x1b[2J.txt", "ab[2J.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("zero\u200bwidth.txt", "zerowidth.txt"),
        ("tail. . .", "tail"),
        ("a\u3000b.txt", "a b.txt"),
        ("e\u0301.txt", "\u00e9.txt"),
        ("what?*<>|.txt", "what_____.txt"),
        ("\ud800.txt", "_.txt"),
    ],
)
def test_a_wish_becomes_a_harmless_name(wish: str, name: str) -> None:
    assert safe_name(wish) == name


@pytest.mark.parametrize("letter", ["a", "密", "😀"])
def test_a_name_of_ten_thousand_letters_keeps_its_ending(letter: str) -> None:
    name = safe_name(letter * 10_000 + ".pdf")
    assert name.endswith(letter + ".pdf")
    assert len(name.encode()) <= MAX_NAME_BYTES


def test_a_name_that_would_fill_a_screen_is_shown_by_its_beginning_and_its_end() -> None:
    assert shortened("密" * 255) == "密" * 255
    shown = shortened("a" * 10_000 + ".pdf")
    assert len(shown) == 255
    assert shown.startswith("a" * 199 + "\u2026")
    assert shown.endswith("aaaa.pdf")


@given(wish=st.text(st.characters(codec=None), max_size=300))
def test_every_name_stays_in_its_folder_and_is_stable(wish: str) -> None:
    name = safe_name(wish)
    assert name.encode()
    assert len(name.encode()) <= MAX_NAME_BYTES
    assert Path("folder", name).parent == Path("folder")
    assert name not in {".", ".."}
    assert not set(name) & set('/\\\0:*?"<>|\r\n')
    assert safe_name(name) == name
