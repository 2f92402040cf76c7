"""One process at a time owns a profile (protocol.md, "Client").

Two would use the same ratchet keys twice. The kernel drops the lock with the process, however it
ends; the pid in the file is for the message only.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from mifeng.errors import ProfileBusyError

__all__ = ["ProfileLock"]


class ProfileLock:
    """Held from construction until `release`."""

    def __init__(self, folder: Path) -> None:
        """Take the lock.

        Raises:
            ProfileBusyError: another process has it.
        """
        path = folder / "lock"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            told = os.read(self._file, 20).decode("ascii", "replace").strip()
            os.close(self._file)
            raise ProfileBusyError(folder, int(told) if told.isdigit() else 0) from err
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next one in."""
        os.close(self._file)
