"""Open the page in the user's browser, so that no token stands in a list of processes.

A browser is started with its address as an argument, which every user of the machine can read. So
it is given a file that only this user can read, and the file sends it on.
"""

from __future__ import annotations

import asyncio
import html
import os
import secrets
import webbrowser
from pathlib import Path

from mifeng.web.server import Screen
from mifeng_crypto.errors import StorageError

__all__ = ["open_page", "redirect_file", "runtime_folder"]

KEPT_S = 60.0


def runtime_folder() -> Path:
    """Return the folder for what lives as long as the process, made for this user only.

    Raises:
        StorageError: it cannot be made, or is somebody else's.
    """
    import platformdirs  # noqa: PLC0415 - a tenth of a second that a test does not need

    folder = Path(platformdirs.user_runtime_dir("mifeng", appauthor=False))
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


def redirect_file(folder: Path, address: str) -> Path:
    """Write the file that sends the browser on.

    Raises:
        StorageError: it cannot be written.
    """
    path = folder / f"open-{secrets.token_hex(8)}.html"
    where = html.escape(address, quote=True)
    text = (
        "<!doctype html><meta charset=utf-8><title>Mifeng</title>"
        f'<meta http-equiv=refresh content="0;url={where}"><a href="{where}">Mifeng</a>\n'
    )
    write_new(path, text)
    return path


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


async def open_page(screen: Screen, folder: Path) -> tuple[Path, bool]:
    """Open the page; return the file that does so, and whether a browser took it.

    The file goes after a minute; the token in it works once.
    """
    path = redirect_file(folder, screen.address())
    opened = await asyncio.to_thread(_open, path)
    asyncio.get_running_loop().call_later(KEPT_S, lambda: path.unlink(missing_ok=True))
    return path, opened


def _open(path: Path) -> bool:
    try:
        return webbrowser.open(path.as_uri())
    except webbrowser.Error:
        return False
