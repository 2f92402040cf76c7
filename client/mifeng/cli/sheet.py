"""The recovery sheet: shown, written to a file, and partly asked back, before its key is used."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.options import Options
from mifeng.text import _
from mifeng_crypto.errors import StorageError, UsageError

if TYPE_CHECKING:
    from mifeng import RecoverySheet

__all__ = ["NoSheet", "SheetFile", "keeper", "read_sheet"]

SheetFile = Annotated[
    Path | None,
    typer.Option(
        "--recovery-sheet",
        metavar="FILE",
        help=_("Write the recovery sheet to this new file, to be printed; it is not asked back."),
    ),
]
NoSheet = Annotated[
    bool,
    typer.Option(
        "--no-recovery-sheet",
        help=_("Make none: who loses all devices then needs a new invite, as a new member."),
    ),
]

TRIES = 3


def keeper(
    told: Options, file: Path | None, *, none: bool = False
) -> Callable[[RecoverySheet], Awaitable[None]] | None:
    """Return what keeps a sheet; None where none is to be made.

    A program that reads JSON gets none unless it names a file: a secret in a log is not kept.

    Raises:
        UsageError: both a file and none.
    """
    if file is not None and none:
        raise UsageError("choose one: --recovery-sheet or --no-recovery-sheet")
    if none or (told.json and file is None):
        return None

    async def keep(sheet: RecoverySheet) -> None:
        if file is not None:
            _write(file, _text(sheet))
            if not told.json:
                note = _("The recovery sheet is in {path}. Print it, and delete the file.")
                typer.echo(note.format(path=file), err=True)
            return
        typer.echo(_text(sheet))
        if sys.stdin.isatty() and sys.stdout.isatty():
            _ask_back(sheet)

    return keep


def _text(sheet: RecoverySheet) -> str:
    from mifeng.cli.qr import qr_lines

    lines = [
        _("MIFENG RECOVERY SHEET"),
        "",
        _("If you lose all your devices, this brings you back: `mifeng recover`."),
        _("Keep it on paper, away from your devices. It works once; you then get the next one."),
        _("Whoever has it can become you, and would put all your devices out, for all to see."),
        "",
        _("Code (secret):"),
        f"    {sheet.code}",
        "",
        _("Link (where and who; also as a QR code):"),
        f"    {sheet.link}",
        "",
        *qr_lines(sheet.link),
    ]
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as err:
        raise UsageError("{path} is there already; name a new file", path=path) from err
    except OSError as err:
        raise StorageError("{path} cannot be used: {err}", path=path, err=err.strerror) from err
    with os.fdopen(fd, "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())


def _ask_back(sheet: RecoverySheet) -> None:
    """Have two of the seven groups typed: who can do that has written them down.

    Raises:
        UsageError: that did not work out; nothing was sent.
    """
    groups = sheet.code.split("-")
    first = int.from_bytes(os.urandom(4), "big") % 6
    second = first + 1 + int.from_bytes(os.urandom(4), "big") % (6 - first)
    for n in (first, second):
        question = _("Once it is on paper: group {n} of the code").format(n=n + 1)
        for _try in range(TRIES):
            answer = typer.prompt(question, err=True)
            if answer.strip().upper().translate(str.maketrans("ILO", "110")) == groups[n]:
                break
            typer.echo(_("That is not what stands on the sheet; look again."), err=True)
        else:
            raise UsageError(
                "that is not what stands on the sheet; nothing was sent, do it again from the start"
            )


def read_sheet(given: str) -> RecoverySheet:
    """Read a sheet from its file; or its link, and the code as it is typed.

    Raises:
        UsageError: it is none, or there is nobody to type the code.
    """
    import getpass

    from mifeng import RecoverySheet

    if not given.startswith("mifeng:"):
        try:
            return RecoverySheet.parse(Path(given).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as err:
            raise UsageError(
                "{path} cannot be read; give the sheet's file, or its link in quotes", path=given
            ) from err
    if not sys.stdin.isatty():
        raise UsageError("the sheet's code is typed on a terminal; or give the sheet's file")
    sheet = RecoverySheet(given, getpass.getpass(_("The sheet's code: ")))
    sheet.read()
    return sheet
