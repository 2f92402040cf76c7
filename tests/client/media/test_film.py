"""Films do not tell where they were taken either, and play as before."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from mifeng.media.strip import stripped
from mifeng_crypto.errors import UsageError

PLACE = b"+48.1370+011.5750/"


def _box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _full(kind: bytes, *content: bytes) -> bytes:
    return _box(kind, bytes(4), *content)


def _track(handler: bytes, chunks: list[int], samples: list[int], *more: bytes) -> bytes:
    """A track of one sample a chunk."""
    count = len(chunks)
    table = _box(
        b"stbl",
        _full(b"stsz", struct.pack(f">II{count}I", 0, count, *samples)),
        _full(b"stsc", struct.pack(">IIII", 1, 1, 1, 1)),
        _full(b"stco", struct.pack(f">I{count}I", count, *chunks)),
    )
    header = _full(b"mdhd", struct.pack(">IIII", 3_900_000_000, 3_900_000_000, 600, 0))
    media = _box(
        b"mdia", header, _full(b"hdlr", bytes(4), handler, bytes(12)), _box(b"minf", table)
    )
    return _box(b"trak", _full(b"tkhd", struct.pack(">II", 3_900_000_000, 1)), media, *more)


def _film(*more: bytes) -> bytes:
    """One frame, one sample of where it was, and again both."""
    begin = _box(b"ftyp", b"qt  ", bytes(4), b"qt  ")
    seen, told = b"a picture ", b"@" + PLACE
    at = len(begin) + 8
    frames, places = len(seen), len(told)
    data = _box(b"mdat", seen, told, seen, told)
    video = _track(b"vide", [at, at + frames + places], [frames, frames])
    where = _track(b"meta", [at + frames, at + 2 * frames + places], [places, places])
    told_once = _box(b"udta", _box(b"\xa9xyz", PLACE))
    head = _full(b"mvhd", struct.pack(">IIII", 3_900_000_000, 3_900_000_000, 600, 0))
    return begin + data + _box(b"moov", head, video, where, told_once, *more) + _box(b"uuid", PLACE)


def _sent(path: Path, data: bytes, kind: str = "video/quicktime") -> bytes:
    path.write_bytes(data)
    with path.open("rb") as file:
        source = stripped(file, kind)
        sent = b"".join(source.read(7))
    assert len(sent) == source.size
    return sent


def test_a_film_tells_neither_place_nor_time_and_keeps_its_pictures(tmp_path: Path) -> None:
    taken = _film()
    sent = _sent(tmp_path / "a", taken)
    assert taken.count(PLACE) == 4
    assert PLACE not in sent
    assert len(sent) == len(taken)
    assert sent.count(b"a picture ") == 2
    assert struct.pack(">I", 3_900_000_000) not in sent
    assert b"vide" in sent
    assert b"udta" not in sent


def test_a_track_of_places_whose_samples_are_nowhere_is_refused(tmp_path: Path) -> None:
    taken = _film()
    at = taken.index(b"@" + PLACE)
    for elsewhere in (len(taken) - 2, taken.index(b"mvhd")):
        bent = taken.replace(struct.pack(">I", at), struct.pack(">I", elsewhere))
        with pytest.raises(UsageError, match="damaged"):
            _sent(tmp_path / "a", bent)


def test_a_film_in_fragments_with_a_track_of_places_is_not_sent_unasked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--keep-metadata"):
        _sent(tmp_path / "a", _film() + _box(b"moof"))


@pytest.mark.parametrize("cut", [20, 60, 120, 200])
def test_a_film_that_is_cut_off_in_its_tables_is_refused(tmp_path: Path, cut: int) -> None:
    taken = _film()
    with pytest.raises(UsageError, match="damaged"):
        _sent(tmp_path / "a", taken[: taken.index(b"mvhd") + cut])


def test_boxes_in_boxes_without_end_are_refused(tmp_path: Path) -> None:
    deep = b""
    for _ in range(900):
        deep = _box(b"moov", deep)
    with pytest.raises(UsageError, match="damaged"):
        _sent(tmp_path / "a", deep)
    with pytest.raises(UsageError, match="damaged"):
        _sent(tmp_path / "a", _box(b"free") * 30_000)


def test_a_film_of_a_camera_plays_as_before(tmp_path: Path) -> None:
    ffmpeg, ffprobe = shutil.which("ffmpeg"), shutil.which("ffprobe")
    if ffmpeg is None or ffprobe is None:
        pytest.skip("ffmpeg is not installed (scripts/ci_setup.sh installs it)")
    made = tmp_path / "made.mp4"
    subprocess.run(
        [ffmpeg, "-v", "error", "-f", "lavfi", "-i", "testsrc=d=1:s=64x48", "-f", "lavfi",
         "-i", "sine=d=1", "-metadata", f"location={PLACE.decode()}", "-metadata",
         "creation_time=2026-01-31T10:00:00Z", "-shortest", str(made)],
        check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    sent = tmp_path / "sent.mp4"
    sent.write_bytes(_sent(tmp_path / "a", made.read_bytes(), "video/mp4"))

    def told(path: Path) -> bytes:
        command = [ffprobe, "-v", "error", "-show_entries", "format_tags", str(path)]
        return subprocess.run(command, check=True, capture_output=True).stdout

    def frames(path: Path) -> bytes:
        command = [ffmpeg, "-v", "error", "-i", str(path), "-f", "framemd5", "-"]
        return subprocess.run(command, check=True, capture_output=True).stdout

    assert PLACE in told(made)
    assert PLACE not in told(sent)
    assert b"2026" not in told(sent)
    assert frames(made) == frames(sent)
