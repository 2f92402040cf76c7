"""Whether a disk has room for a file: known before a byte of it comes."""

from __future__ import annotations

import shutil
from pathlib import Path

from mifeng.errors import DiskFullError
from mifeng.text import size as written

__all__ = ["LEFT_BYTES", "check_room_to_save", "check_room_to_send"]

LEFT_BYTES = 16 << 20
"""What stays free for all else that the disk is for; beside a smaller file as much as it takes."""


def check_room_to_save(folder: Path, size: int) -> None:
    """See that a file of so many bytes fits into a folder.

    Raises:
        DiskFullError: it does not.
        OSError: the disk does not say.
    """
    free, needed = _free(folder), _needed(size)
    if free < needed:
        raise DiskFullError(
            "the disk of {path} has {free} left, and this file needs {needed}: make room, choose a "
            "folder on another disk with --to, or play it with --stream, which stores nothing",
            path=folder.absolute(), free=written(free), needed=written(needed),
        )  # fmt: skip


def check_room_to_send(folder: Path, length: int) -> None:
    """See that a ciphertext of so many bytes fits into a folder.

    Raises:
        DiskFullError: it does not.
        OSError: the disk does not say.
    """
    free, needed = _free(folder), _needed(length)
    if free < needed:
        raise DiskFullError(
            "the disk of {path} has {free} left, and this file needs {needed} there until the "
            "server has all of it: make room, then send it again",
            path=folder.absolute(), free=written(free), needed=written(needed),
        )  # fmt: skip


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _needed(size: int) -> int:
    return size + min(size, LEFT_BYTES)
