"""From any picture to the small square one beside a name: made on the sender's device, once.

What others get is an image that was drawn anew, so nothing that was in the file goes with it: no
place, no camera, no embedded preview, no second image.
"""

from __future__ import annotations

import io
import warnings

from mifeng_crypto.errors import UsageError

__all__ = ["MAX_INPUT_BYTES", "SIDE", "make_avatar"]

SIDE = 256
MAX_INPUT_BYTES = 20 << 20
MAX_PIXELS = 64_000_000
MAX_OUTPUT_BYTES = 48 << 10
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
QUALITIES = (86, 75, 60, 40)


def make_avatar(data: bytes) -> bytes:
    """Return a square JPEG of `SIDE` pixels, cut from the middle of a picture.

    Raises:
        UsageError: it is no picture of these formats, or too large to be unpacked.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError  # noqa: PLC0415 - a tenth of a second

    if len(data) > MAX_INPUT_BYTES:
        raise UsageError(
            "this picture has more than {n} MiB; choose a smaller one", n=MAX_INPUT_BYTES >> 20
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # judged below
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                # Its header says how large it would be; nothing is unpacked before that is judged.
                if picture.width * picture.height > MAX_PIXELS:
                    raise UsageError(
                        "this picture has more than {n} million pixels; choose a smaller one",
                        n=MAX_PIXELS // 1_000_000,
                    )
                picture.draft("RGB", (2 * SIDE, 2 * SIDE))
                upright = ImageOps.exif_transpose(picture).convert("RGBA")
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
    ) as err:
        raise UsageError(
            "this is no picture that can be read; choose a PNG, JPEG, WebP, GIF or BMP file"
        ) from err
    square = ImageOps.fit(upright, (SIDE, SIDE), method=Image.Resampling.LANCZOS)
    plain = Image.new("RGB", (SIDE, SIDE), "white")
    plain.paste(square, mask=square.getchannel("A"))
    for quality in QUALITIES:
        out = io.BytesIO()
        plain.save(out, "JPEG", quality=quality, optimize=True)
        if out.tell() <= MAX_OUTPUT_BYTES:
            break
    return out.getvalue()
