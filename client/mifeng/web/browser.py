"""Open the page in the user's browser, so that no token stands in a list of processes.

A browser is started with its address as an argument, which every user of the machine can read. So
it is given a file that only this user can read, and the file sends it on.
"""

from __future__ import annotations

import asyncio
import html
import secrets
import webbrowser
from pathlib import Path

from mifeng.handover.place import checked_folder, runtime_folder, write_new
from mifeng.web.porch import Porch

__all__ = ["checked_folder", "open_page", "redirect_file", "runtime_folder", "write_new"]

KEPT_S = 60.0


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


async def open_page(page: Porch, folder: Path) -> tuple[Path, bool]:
    """Open the page; return the file that does so, and whether a browser took it.

    The file goes after a minute; the token in it works once.
    """
    path = redirect_file(folder, page.address())
    opened = await asyncio.to_thread(_open, path)
    asyncio.get_running_loop().call_later(KEPT_S, lambda: path.unlink(missing_ok=True))
    return path, opened


def _open(path: Path) -> bool:
    try:
        return webbrowser.open(path.as_uri())
    except webbrowser.Error:
        return False
