"""A file's type is what is in it, whatever it is called."""

from __future__ import annotations

import io
import zipfile

import pytest

from mifeng.media.kind import OCTETS, content_type_of


def _zip(*names: str, mimetype: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        if mimetype:
            archive.writestr("mimetype", mimetype)
        for name in names:
            archive.writestr(name, b"x")
    return out.getvalue()


WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
ODT = b"application/vnd.oasis.opendocument.text"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(8), "image/png"),
        (b"\xff\xd8\xff\xe0" + bytes(8), "image/jpeg"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"\x00\x00\x00\x18ftypM4A ", "audio/mp4"),
        (b"\x00\x00\x00\x18ftypheic", "image/heic"),
        (b"ID3\x04\x00", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),
        (b"%PDF-1.7\n", "application/pdf"),
        (_zip("[Content_Types].xml", "word/document.xml"), WORD),
        (_zip("content.xml", mimetype=ODT), ODT.decode()),
        (_zip("a.txt"), "application/zip"),
        (b"PK\x03\x04 and nothing that follows", "application/zip"),
        ("大家好\n".encode(), "text/plain"),
        ("大家好\n".encode("gb18030"), "text/plain"),
        ("大家好\n".encode("utf-16"), "text/plain"),
        (b"<html><script>alert(1)</script>", "text/plain"),
        (b"<svg onload='x()'/>", "text/plain"),
        (b"\x7fELF\x02\x01\x01\x00", OCTETS),
        (b"", OCTETS),
    ],
)
def test_what_is_in_a_file_says_what_it_is(data: bytes, kind: str) -> None:
    file = io.BytesIO(data)
    assert content_type_of(file) == kind
    assert file.tell() == 0


def test_a_text_is_one_also_where_the_look_ends_within_a_character() -> None:
    for shift in range(4):
        assert content_type_of(io.BytesIO(b"x" * shift + "汉".encode() * 3000)) == "text/plain"
