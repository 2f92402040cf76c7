"""The process that looks into one file: `python -m mifeng.media.worker PATH TYPE`.

Memory, time and pixels are limited before anything of the file is read; nothing is written, and
nothing is fetched. The answer is a `Preview` on the standard output.
"""

from __future__ import annotations

import io
import os
import re
import resource
import shutil
import subprocess
import sys
import wave
import zipfile
from pathlib import Path

import msgspec
from PIL import Image, ImageOps

from mifeng.content.preview import MAX_THUMBNAIL_BYTES, Preview

__all__ = ["look"]

MEMORY_BYTES = 1 << 30
CPU_SECONDS = 15
FILE_BYTES = 64 << 20
"""Of what is in memory under a name: the only thing that is written here."""
MAX_PIXELS = 100_000_000
TOO_MANY = "it has too many pixels for a preview"
EDGES = (360, 240, 160, 96)
"""Of the longer side, in pixels: the first that fits into the bytes that there are."""
TOOL_SECONDS = 12


def look(path: str, content_type: str) -> Preview:
    """Return what can be said of a file; raises whatever its decoder raises."""
    kind = content_type.partition("/")[0]
    if kind == "image":
        return _picture(path)
    if kind in ("video", "audio"):
        return _film(path, content_type)
    if content_type == "application/pdf":
        return _pdf(path)
    if content_type.startswith("application/vnd.openxmlformats"):
        return Preview(pages=_office_pages(path))
    return Preview()


# ------------------------------------------------------------------ pictures


def _picture(path: str) -> Preview:
    with Image.open(path) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            return Preview(width=width, height=height, reason=TOO_MANY)
        # A JPEG is decoded at the size that is needed, not at its own.
        image.draft("RGB", (2 * EDGES[0], 2 * EDGES[0]))
        upright = ImageOps.exif_transpose(image)
        if (upright.width > upright.height) != (image.width > image.height):
            width, height = height, width
        thumbnail, thumbnail_type = _small(upright)
    return Preview(width=width, height=height, thumbnail=thumbnail, thumbnail_type=thumbnail_type)


def _small(image: Image.Image) -> tuple[bytes, str]:
    """A small picture in WebP, without anything of the original's but what it shows."""
    image = image.convert(
        "RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB"
    )
    for edge in EDGES:
        small = image.copy()
        small.thumbnail((edge, edge))
        out = io.BytesIO()
        small.save(out, "WEBP", quality=72, method=4)
        if out.tell() <= MAX_THUMBNAIL_BYTES:
            return out.getvalue(), "image/webp"
    return b"", ""


# ------------------------------------------------------------------ films and sounds


class _Side(msgspec.Struct):
    rotation: int = 0


class _Stream(msgspec.Struct):
    codec_type: str = ""
    width: int = 0
    height: int = 0
    side_data_list: list[_Side] = []


class _Format(msgspec.Struct):
    duration: str = ""


class _Facts(msgspec.Struct):
    """Of what ffprobe says in JSON, what is asked here."""

    streams: list[_Stream] = []
    format: _Format = msgspec.field(default_factory=_Format)


def _film(path: str, content_type: str) -> Preview:
    facts = _ffprobe(path)
    shown = next((s for s in facts.streams if s.codec_type == "video"), _Stream())
    width, height = shown.width, shown.height
    if any(abs(side.rotation) in (90, 270) for side in shown.side_data_list):
        width, height = height, width
    said = facts.format.duration
    duration_ms = round(1000 * float(said)) if said else _duration_ms(path, content_type)
    if not content_type.startswith("video/"):
        return Preview(duration_ms=duration_ms)
    thumbnail, thumbnail_type = _frame(path, duration_ms)
    return Preview(
        width=width,
        height=height,
        duration_ms=duration_ms,
        thumbnail=thumbnail,
        thumbnail_type=thumbnail_type,
    )


def _ffprobe(path: str) -> _Facts:
    said = _run(
        "ffprobe", "-v", "error", "-protocol_whitelist", "file", "-show_streams", "-show_format",
        "-of", "json", path,
    )  # fmt: skip
    return msgspec.json.decode(said, type=_Facts) if said else _Facts()


def _frame(path: str, duration_ms: int) -> tuple[bytes, str]:
    """A picture from a second in: the first one is black more often than not."""
    at = min(1.0, duration_ms / 2000)
    png = _run(
        "ffmpeg", "-v", "error", "-protocol_whitelist", "file,pipe", "-ss", f"{at:.2f}", "-i", path,
        "-frames:v", "1", "-vf", f"scale={EDGES[0]}:-2:force_original_aspect_ratio=decrease",
        "-threads", "1", "-f", "image2pipe", "-c:v", "png", "-",
    )  # fmt: skip
    if not png:
        return b"", ""
    with Image.open(io.BytesIO(png)) as image:
        return _small(image)


def _duration_ms(path: str, content_type: str) -> int:
    """Without ffprobe: what WAV and the ISO formats say in a fixed place."""
    if content_type == "audio/wav":
        with wave.open(path, "rb") as sound:
            return round(1000 * sound.getnframes() / max(sound.getframerate(), 1))
    if content_type in ("video/mp4", "video/quicktime", "audio/mp4", "video/3gpp"):
        with open(path, "rb") as file:  # noqa: PTH123 - one of many of this process
            return _movie_header_ms(file)
    return 0


def _movie_header_ms(file: io.BufferedReader) -> int:
    """`mvhd` in `moov` (ISO 14496-12, sections 8.2.1 and 8.2.2)."""
    end = file.seek(0, io.SEEK_END)
    moov = _box(file, b"moov", 0, end)
    mvhd = _box(file, b"mvhd", *moov) if moov else None
    if mvhd is None:
        return 0
    file.seek(mvhd[0])
    data = file.read(32)
    wide = data[0] == 1
    scale = int.from_bytes(data[20:24] if wide else data[12:16], "big")
    length = int.from_bytes(data[24:32] if wide else data[16:20], "big")
    return round(1000 * length / scale) if scale else 0


def _box(file: io.BufferedReader, wanted: bytes, at: int, end: int) -> tuple[int, int] | None:
    """Return where the body of a box begins and ends."""
    while at + 8 <= end:
        file.seek(at)
        size, kind, body = int.from_bytes(file.read(4), "big"), file.read(4), at + 8
        if size == 1:
            size, body = int.from_bytes(file.read(8), "big"), at + 16
        if size == 0:
            size = end - at
        if size < body - at:
            return None
        if kind == wanted:
            return body, at + size
        at += size
    return None


# ------------------------------------------------------------------ documents


def _pdf(path: str) -> Preview:
    found = re.search(rb"^Pages:\s+(\d{1,7})$", _run("pdfinfo", path), re.MULTILINE)
    picture = _run(
        "pdftoppm",
        "-f",
        "1",
        "-l",
        "1",
        "-scale-to",
        str(2 * EDGES[0]),
        "-png",
        "-singlefile",
        path,
    )
    thumbnail, thumbnail_type = b"", ""
    if picture:
        with Image.open(io.BytesIO(picture)) as image:
            thumbnail, thumbnail_type = _small(image)
    return Preview(
        pages=int(found[1]) if found else 0, thumbnail=thumbnail, thumbnail_type=thumbnail_type
    )


def _office_pages(path: str) -> int:
    with zipfile.ZipFile(path) as archive, archive.open("docProps/app.xml") as file:
        found = re.search(rb"<(?:Pages|Slides)>(\d{1,7})</", file.read(64 << 10))
    return int(found[1]) if found else 0


def _run(tool: str, *arguments: str) -> bytes:
    """Return what a tool prints; nothing where it is not there, or fails."""
    program = shutil.which(tool)
    if program is None:
        return b""
    try:
        done = subprocess.run(  # noqa: S603 - a program by its path, no shell
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TOOL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return b""
    return done.stdout if done.returncode == 0 else b""


def _in_memory(data: bytes) -> str:
    """Put bytes where they have a name, and are on no disk."""
    descriptor = os.memfd_create("file")
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    return f"/proc/{os.getpid()}/fd/{descriptor}"


def main() -> None:
    """Answer, whatever the file is."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    path, content_type = sys.argv[1:3]
    # Absolute, so that no name is taken for an option by the tools.
    path = str(Path(path).resolve()) if path else _in_memory(sys.stdin.buffer.read())
    try:
        preview = look(path, content_type)
    except Image.DecompressionBombError:
        preview = Preview(reason=TOO_MANY)
    except MemoryError:
        preview = Preview(reason="it takes too much memory or time")
    except Exception:  # noqa: BLE001 - decoders raise what they like; the file is sent all the same
        preview = Preview(reason="it cannot be read as what it claims to be")
    sys.stdout.buffer.write(msgspec.msgpack.encode(preview))


if __name__ == "__main__":
    main()
