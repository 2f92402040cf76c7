"""A file is on the disk as far as it was synced, and a disk that failed in between is told."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from mifeng.transfer import synced
from mifeng.transfer.synced import SyncedFile


def test_what_is_written_is_synced_meanwhile_and_all_of_it_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synced, "SYNC_BYTES", 100)
    honest, may_end, begun = os.fdatasync, threading.Event(), threading.Event()
    sizes = list[int]()

    def slow(file: int) -> None:
        begun.set()
        assert may_end.wait(60)
        honest(file)

    monkeypatch.setattr(os, "fdatasync", slow)
    monkeypatch.setattr(os, "fsync", lambda file: sizes.append(os.fstat(file).st_size))
    with SyncedFile((tmp_path / "a").open("wb", buffering=0)) as file:
        file.write(bytes(100))
        assert begun.wait(60)
        file.write(bytes(250))  # a disk that is slow holds nobody up
        may_end.set()
        file.sync()
    assert sizes == [350]


def test_a_disk_that_failed_meanwhile_is_told_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synced, "SYNC_BYTES", 100)

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "the disk failed")

    monkeypatch.setattr(os, "fdatasync", fail)
    with SyncedFile((tmp_path / "a").open("wb", buffering=0)) as file:
        file.write(bytes(100))
        with pytest.raises(OSError, match="the disk failed"):
            file.sync()
