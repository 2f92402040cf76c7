"""Any picture becomes a small square one that says nothing else; what is none is refused."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from mifeng.content.avatar import MAX_INPUT_BYTES, MAX_OUTPUT_BYTES, SIDE, make_avatar
from mifeng_crypto.errors import UsageError


def encoded(picture: Image.Image, kind: str = "PNG", **how: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
@pytest.mark.parametrize("size", [(1, 1), (1000, 30), (300, 700)])
def test_a_picture_becomes_a_square_of_one_size(kind: str, size: tuple[int, int]) -> None:
    made = make_avatar(encoded(Image.new("RGB", size, "red"), kind))
    picture = opened(made)
    assert (picture.format, picture.size, picture.mode) == ("JPEG", (SIDE, SIDE), "RGB")
    red, green, blue = picture.getpixel((SIDE // 2, SIDE // 2))  # type: ignore[misc]
    assert (red > 200, max(green, blue) < 60) == (True, True)


def test_what_else_is_in_the_file_does_not_go_with_it() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Secret Camera"
    exif.get_ifd(0x8825)[1] = "N"
    data = encoded(Image.new("RGB", (500, 500), "blue"), "JPEG", exif=exif, comment=b"where I live")
    assert b"Secret Camera" in data
    made = make_avatar(data)
    assert b"Secret" not in made
    assert b"where I live" not in made
    assert len(opened(made).getexif()) == 0


def test_a_picture_that_lies_on_its_side_is_turned_upright() -> None:
    picture = Image.new("RGB", (400, 400), "white")
    picture.paste("black", (0, 0, 400, 200))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter, clockwise
    made = opened(make_avatar(encoded(picture, "JPEG", exif=exif)))
    left, right = made.getpixel((10, 128)), made.getpixel((245, 128))
    assert (sum(left) > 600, sum(right) < 100) == (True, True)  # type: ignore[arg-type]


def test_noise_is_made_to_fit() -> None:
    noise = Image.effect_noise((600, 600), 200).convert("RGB")
    assert len(make_avatar(encoded(noise))) <= MAX_OUTPUT_BYTES


def test_a_file_that_unpacks_to_a_huge_picture_is_refused_before_it_does() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99))
    with pytest.raises(UsageError, match="(million pixels|no picture)"):
        make_avatar(bomb + chunk(b"IEND", b""))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        encoded(Image.new("RGB", (50, 50)))[:60],
        bytes(MAX_INPUT_BYTES + 1),
        encoded(Image.new("RGB", (50, 50)), "TIFF"),
    ],
)
def test_what_is_no_picture_of_these_formats_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError):
        make_avatar(data)
