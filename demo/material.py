"""What is sent in the play: a small PDF with readable text, and a large recording."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

__all__ = ["RECORDING_MARK", "make_pdf", "make_recording", "sha256_of"]

RECORDING_MARK = "board meeting, confidential recording, minute"
_MIB = 1 << 20


def make_pdf(path: Path, lines: tuple[str, ...]) -> None:
    """Write a PDF of one page, whose text stands in it uncompressed."""
    shown = "\n".join(f"({_escaped(line)}) Tj T*" for line in lines)
    page = f"BT /F1 16 Tf 24 TL 72 720 Td\n{shown}\nET".encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
            b"/Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(page), page),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    out += b"startxref\n%d\n%%%%EOF\n" % table
    path.write_bytes(out)


def _escaped(line: str) -> str:
    return line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def make_recording(path: Path, *, mebibytes: int) -> bytes:
    """Write a file that does not compress, marked once a MiB; return 24 bytes from its middle."""
    rng = random.Random(mebibytes)
    with path.open("wb") as file:
        for minute in range(mebibytes):
            mark = f"{RECORDING_MARK} {minute:04}".encode()
            block = mark + rng.randbytes(_MIB - len(mark))
            if minute == mebibytes // 2:
                sample = block[_MIB // 2 : _MIB // 2 + 24]
            file.write(block)
    return sample


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
