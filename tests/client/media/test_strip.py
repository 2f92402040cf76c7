"""Pictures do not tell where they were taken, and are otherwise as they were."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from mifeng.media.strip import stripped
from mifeng_crypto.errors import UsageError

SECRET = b"Canon EOS, 48.137 N 11.575 E"
ORIENTATION, MAKE, DESCRIPTION = 0x0112, 0x010F, 0x010E


def _image() -> Image.Image:
    return Image.radial_gradient("L").resize((640, 400)).convert("RGB")


def _exif(orientation: int = 6) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE], exif[DESCRIPTION] = orientation, "Canon", SECRET.decode()
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 13.0)
    return exif


def _saved(form: str, **more: object) -> bytes:
    out = io.BytesIO()
    _image().save(out, form, **more)
    return out.getvalue()


def _sent(path: Path, data: bytes, kind: str) -> bytes:
    path.write_bytes(data)
    with path.open("rb") as file:
        source = stripped(file, kind)
        sent = b"".join(source.read(1000))
        assert len(sent) == source.size
    return sent


def _pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.tobytes()


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_loses_what_its_camera_wrote_and_stays_upright(
    tmp_path: Path, *, progressive: bool
) -> None:
    taken = _saved(
        "JPEG", exif=_exif(), comment=SECRET, progressive=progressive, icc_profile=b"icc"
    )
    sent = _sent(tmp_path / "a", taken + b"a film behind the picture " + SECRET, "image/jpeg")
    assert SECRET in taken
    assert SECRET not in sent
    assert b"Canon" not in sent
    assert _pixels(sent) == _pixels(taken)
    with Image.open(io.BytesIO(sent)) as image:
        assert dict(image.getexif()) == {ORIENTATION: 6}
        assert image.info["icc_profile"] == b"icc"


def test_a_jpeg_that_stands_upright_has_no_exif_at_all(tmp_path: Path) -> None:
    sent = _sent(tmp_path / "a", _saved("JPEG", exif=_exif(1)), "image/jpeg")
    assert b"Exif" not in sent


def test_a_jpeg_that_tells_nothing_is_sent_byte_for_byte(tmp_path: Path) -> None:
    plain = _saved("JPEG")
    assert _sent(tmp_path / "a", plain, "image/jpeg") == plain


def test_a_png_loses_texts_times_and_exif(tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", SECRET.decode())
    texts.add_itxt("XML:com.adobe.xmp", SECRET.decode(), zip=False)
    taken = _saved("PNG", pnginfo=texts, exif=_exif())
    sent = _sent(tmp_path / "a", taken, "image/png")
    assert SECRET in taken
    assert SECRET not in sent
    assert _pixels(sent) == _pixels(taken)


def test_a_webp_loses_exif_and_xmp(tmp_path: Path) -> None:
    taken = _saved("WEBP", exif=_exif(), xmp=b"<x>" + SECRET + b"</x>", lossless=True)
    sent = _sent(tmp_path / "a", taken, "image/webp")
    assert SECRET in taken
    assert SECRET not in sent
    assert _pixels(sent) == _pixels(taken)
    with Image.open(io.BytesIO(sent)) as image:
        assert not image.getexif()


@pytest.mark.parametrize("kind", ["image/heic", "image/avif", "image/tiff"])
def test_a_kind_that_cannot_be_stripped_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UsageError, match="--keep-metadata"):
        _sent(tmp_path / "a", b"some picture", kind)


@pytest.mark.parametrize(("form", "kind"), [("JPEG", "image/jpeg"), ("PNG", "image/png")])
def test_a_damaged_picture_is_refused_wherever_it_breaks_off(
    tmp_path: Path, form: str, kind: str
) -> None:
    whole = _saved(form, exif=_exif())
    for length in [*range(2, 60), len(whole) // 2, len(whole) - 1]:
        with pytest.raises(UsageError, match="damaged"):
            _sent(tmp_path / "a", whole[:length], kind)


def test_what_is_no_picture_is_sent_as_it_is(tmp_path: Path) -> None:
    assert _sent(tmp_path / "a", SECRET, "text/plain") == SECRET


def test_a_file_that_shrinks_while_it_is_read_is_not_sent(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 5000)
    with path.open("rb") as file:
        source = stripped(file, "text/plain")
        path.write_bytes(b"x" * 10)
        with pytest.raises(UsageError, match="shrank"):
            b"".join(source.read(1000))
