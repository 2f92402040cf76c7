"""Folders and files that are this user's alone."""

from __future__ import annotations

import os
import stat
import warnings
from pathlib import Path

from mifeng_crypto.errors import StorageError

__all__ = ["checked_folder", "read_own", "runtime_folder", "write_new"]


def runtime_folder() -> Path:
    """Return the folder for what lives as long as the process, made for this user only.

    Raises:
        StorageError: it cannot be made, or is somebody else's.
    """
    import platformdirs  # noqa: PLC0415 - a tenth of a second that a test does not need

    with warnings.catch_warnings():
        # A service has no XDG_RUNTIME_DIR: then it is a folder in /tmp, which is checked below.
        warnings.simplefilter("ignore")
        folder = Path(platformdirs.user_runtime_dir("mifeng", appauthor=False))
    checked_folder(folder.parent)  # whoever owns it could put another folder there
    return checked_folder(folder)


def checked_folder(folder: Path) -> Path:
    """Make a folder for this user only, and refuse one that is not.

    Raises:
        StorageError: it cannot be made, is a link, or is another user's.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as err:
        raise StorageError("{path} cannot be used: {err}", path=folder, err=err.strerror) from err
    if folder.is_symlink() or found.st_uid != os.getuid():
        raise StorageError("{path} belongs to somebody else; remove it", path=folder)
    folder.chmod(0o700)
    return folder


def write_new(path: Path, text: str) -> None:
    """Write a file that only this user can read, and that was not there: no link is followed.

    Raises:
        StorageError: there is something of this name, or it cannot be written.
    """
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as err:
        raise StorageError(
            "{path} cannot be written: {reason}", path=path, reason=err.strerror
        ) from err


def read_own(path: Path) -> str | None:
    """Read a file that `write_new` has written; None if there is none.

    Raises:
        StorageError: it is a link, another user's, or others may read or write it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as err:
        raise StorageError("{path} cannot be used: {err}", path=path, err=err.strerror) from err
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise StorageError("{path} is not this user's alone; remove it", path=path)
        return file.read(4096).decode("utf-8", "replace")
