"""What is said of a file beside its name, and that no file can make its sender's device suffer."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import wave
import zipfile
import zlib
from pathlib import Path

import pytest
from PIL import Image

from mifeng.content.preview import MAX_THUMBNAIL_BYTES, Preview
from mifeng.media import preview as previews
from mifeng.media.preview import preview_of
from mifeng.media.worker import look

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="ffmpeg is missing: scripts/ci_setup.sh"
)


def _noise(size: tuple[int, int]) -> Image.Image:
    return Image.effect_noise(size, 90).convert("RGB")


async def test_a_picture_has_its_size_and_a_small_one(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # it was taken upright, and lies in the file on its side
    _noise((1600, 900)).save(tmp_path / "a", "JPEG", exif=exif)
    got = await preview_of(tmp_path / "a", "image/jpeg")
    assert (got.width, got.height, got.reason) == (900, 1600, "")
    assert 0 < len(got.thumbnail) <= MAX_THUMBNAIL_BYTES
    with Image.open(io.BytesIO(got.thumbnail)) as small:
        assert (small.format, small.width < small.height) == ("WEBP", True)
        assert not small.getexif()


def test_a_sound_has_its_duration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * 8000 * 3))
    assert look(str(tmp_path / "a.wav"), "audio/wav").duration_ms == 3000
    monkeypatch.setenv("PATH", "")  # also without ffmpeg
    assert look(str(tmp_path / "a.wav"), "audio/wav").duration_ms == 3000


@needs_ffmpeg
async def test_a_film_has_size_duration_and_a_picture(tmp_path: Path) -> None:
    film = tmp_path / "a.mp4"
    command = "ffmpeg -v error -f lavfi -i testsrc=size=320x180:rate=10:duration=2 -c:v libx264"
    subprocess.run([*command.split(), str(film)], check=True)
    got = await preview_of(film, "video/mp4")
    assert (got.width, got.height, got.duration_ms) == (320, 180, 2000)
    assert got.thumbnail_type == "image/webp"
    assert Preview(duration_ms=2000) == look_without_tools(film)


def look_without_tools(path: Path) -> Preview:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "")
        return look(str(path), "video/mp4")


def test_a_document_says_how_many_pages_it_has(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        archive.writestr("docProps/app.xml", "<Properties><Pages>12</Pages></Properties>")
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    assert look(str(tmp_path / "a"), kind).pages == 12


@pytest.mark.skipif(
    shutil.which("pdfinfo") is None, reason="poppler-utils is missing: scripts/ci_setup.sh"
)
async def test_a_pdf_has_pages_and_its_first_as_a_picture(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (200, 280), "white") for _ in range(3)]
    pages[0].save(tmp_path / "a.pdf", save_all=True, append_images=pages[1:])
    got = await preview_of(tmp_path / "a.pdf", "application/pdf")
    assert (got.pages, got.thumbnail_type) == (3, "image/webp")


def _png(width: int, height: int) -> bytes:
    """A PNG that claims so many pixels in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


async def test_a_picture_of_60000_x_60000_pixels_is_not_decoded(tmp_path: Path) -> None:
    (tmp_path / "bomb").write_bytes(_png(60_000, 60_000))
    got = await preview_of(tmp_path / "bomb", "image/png")
    assert got.reason == "it has too many pixels for a preview"
    assert not got.thumbnail


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\xff\xd8\xff\xe0 no picture", "image/jpeg"),
        (_png(5, 5)[:-30], "image/png"),
        (b"RIFF\x10\x00\x00\x00WAVE", "audio/wav"),
        (b"PK\x03\x04", "application/vnd.openxmlformats-officedocument.x"),
    ],
)
async def test_a_file_that_is_not_what_it_claims_has_no_preview_and_a_reason(
    tmp_path: Path, data: bytes, kind: str
) -> None:
    (tmp_path / "a").write_bytes(data)
    assert await preview_of(tmp_path / "a", kind) == Preview(
        reason="it cannot be read as what it claims to be"
    )


async def test_what_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "SECONDS", 0.0)
    _noise((100, 100)).save(tmp_path / "a", "PNG")
    assert (await preview_of(tmp_path / "a", "image/png")).reason == "it took too long"


async def test_a_text_is_not_looked_into(tmp_path: Path) -> None:
    assert await preview_of(tmp_path / "there is none", "text/plain") == Preview()
