"""What is left: on a disk image beneath the file system, in files, and in a process's memory."""

from __future__ import annotations

import contextlib
import mmap
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from mifeng.store import SlotName, Vault
from mifeng_crypto.secret import Secret

__all__ = ["hits_in", "keys_of", "memory_hits", "small_disk"]


@contextlib.contextmanager
def small_disk(folder: Path, mebibytes: int = 64) -> Iterator[tuple[Path, Path]]:
    """Mount an ext4 image of its own; yield where it is mounted, and the image.

    Skips the test where that is not allowed.
    """
    image, mounted = folder / "disk.img", folder / "disk"
    mounted.mkdir()
    with image.open("wb") as file:
        file.truncate(mebibytes << 20)
    try:
        for command in (
            ["mkfs.ext4", "-q", "-O", "^metadata_csum", str(image)],
            ["mount", "-o", "loop", str(image), str(mounted)],
        ):
            subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("an image cannot be mounted here: needs root, mkfs.ext4 and loop devices")
    try:
        yield mounted, image
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def settle(mounted: Path) -> None:
    """Let everything that the kernel still holds reach the image."""
    subprocess.run(["sync", "-f", str(mounted)], check=True)


def hits_in(path: Path, needles: Mapping[str, bytes]) -> dict[str, int]:
    """Count needles in a file, or in all files of a folder: how often each was found, if at all."""
    found: dict[str, int] = {}
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    for file in files:
        if file.stat().st_size == 0:
            continue
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ) as data:
            for name, needle in needles.items():
                at = data.find(needle)
                while at >= 0:
                    found[name] = found.get(name, 0) + 1
                    at = data.find(needle, at + 1)
    return found


def keys_of(folder: Path, store_key: Secret) -> dict[str, bytes]:
    """Return the slot keys in a copy of a profile's vault, as whoever has the store key could."""
    copy = folder.parent / "copy of the vault"
    shutil.copy(folder / "vault", copy)
    vault = Vault.open(copy, store_key, rng=bytes)
    found = {}
    for name in vault.slots():
        assert isinstance(name, SlotName)
        key = vault.get_to_seal(name)
        assert key is not None
        raw = bytearray(32)
        key.copy_into(memoryview(raw))
        found[f"key of slot {name.slot}"] = bytes(raw)
    vault.close()
    copy.unlink()
    return found


def memory_hits(pid: int, needles: Mapping[str, bytes]) -> dict[str, int]:
    """Count needles in the writable memory of a process that we started."""
    found: dict[str, int] = {}
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="ascii").splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps:
            span, rights, *_ = line.split()
            if "rw" not in rights or line.endswith(("[vvar]", "[vsyscall]")):
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            try:
                memory.seek(start)
                data = memory.read(end - start)
            except (OSError, ValueError, OverflowError):
                continue
            for name, needle in needles.items():
                if count := data.count(needle):
                    found[name] = found.get(name, 0) + count
    return found
