"""The files of the demo are what they are said to be."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from demo.material import RECORDING_MARK, make_pdf, make_recording, sha256_of


def test_the_pdf_is_a_whole_one_with_its_text_in_the_clear(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    make_pdf(path, ("Salaries (2026)", "strictly \\ private"))
    raw = path.read_bytes()
    assert raw.startswith(b"%PDF-1.4")
    assert b"(Salaries \\(2026\\)) Tj" in raw
    table = int(re.findall(rb"startxref\n(\d+)\n", raw)[0])
    assert raw[table:].startswith(b"xref\n0 6\n")
    for number, place in enumerate(re.findall(rb"(\d{10}) 00000 n ", raw), 1):
        assert raw[int(place) :].startswith(b"%d 0 obj" % number)


def test_the_recording_is_marked_and_has_its_sample(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    sample = make_recording(path, mebibytes=3)
    raw = path.read_bytes()
    assert len(raw) == 3 << 20
    assert raw.count(RECORDING_MARK.encode()) == 3
    assert raw.count(sample) == 1
    assert sha256_of(path) == hashlib.sha256(raw).hexdigest()
