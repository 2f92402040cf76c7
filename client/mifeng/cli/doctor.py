"""`mifeng doctor`: what is in order here, and what to do about what is not."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mifeng.cli.exit import ExitCode, exit_code_of
from mifeng.cli.options import Options, opened, options, run
from mifeng.text import _, explain, retold
from mifeng_crypto.errors import MifengError

if TYPE_CHECKING:
    from mifeng import Workspace

__all__ = ["add_to"]

LEAST_FREE = 256 << 20
"""Bytes: a file is spooled before it is sent."""
CLOCK_WARNS_S = 60
CLOCK_FAILS_S = 600
"""From here on nothing is accepted (protocol.md, "Unit log")."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `code` is 0 where it is in order; else there is a remedy."""

    what: str
    told: str
    remedy: str = ""
    code: ExitCode = ExitCode.OK


def add_to(app: typer.Typer) -> None:
    """Declare this command."""
    app.command(
        help=_("Look at profile, keys, disk, server and clock, and say what to do where it is ill.")
    )(doctor)


def doctor(context: typer.Context) -> None:
    """Look at everything."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, print_table

        found = [_versions(), *_folder(told.folder)]
        if not any(one.code for one in found):
            found += await _profile(told)
        for one in found if told.json else ():
            as_json(
                {
                    "what": one.what,
                    "told": one.told,
                    "remedy": one.remedy or None,
                    "is_well": not one.code,
                }
            )
        if not told.json:
            rows = [["✗" if one.code else "✓", one.what, one.told, one.remedy] for one in found]
            print_table(["", _("What"), _("Found"), _("What to do")], rows)
        ill = next((one.code for one in found if one.code), None)
        if ill is not None:
            raise typer.Exit(int(ill))

    run(told, main)


def _versions() -> Finding:
    from importlib.metadata import version

    names = ("mifeng", "cryptography", "pynacl")
    told = ", ".join(f"{name} {version(name)}" for name in names)
    return Finding(_("Versions"), f"{told}, Python {sys.version.split()[0]}")


def _folder(folder: Path) -> Iterator[Finding]:
    if not (folder / "profile.db").is_file():
        yield Finding(
            _("Profile"),
            _("There is none in {path}.").format(path=folder),
            _("Join with an invite, or name another folder with --profile."),
            ExitCode.STORAGE,
        )
        return
    if folder.stat().st_mode & 0o077:
        yield Finding(
            _("Profile"),
            _("Others on this machine may look into {path}.").format(path=folder),
            f"chmod 700 '{folder}'",
            ExitCode.STORAGE,
        )
    free = shutil.disk_usage(folder).free
    told = _("{mib} MiB free").format(mib=free >> 20)
    if free < LEAST_FREE:
        remedy = _("Make room: files are sealed on the disk before they are sent.")
        yield Finding(_("Disk"), told, remedy, ExitCode.STORAGE)
    else:
        yield Finding(_("Disk"), told)


async def _profile(told: Options) -> list[Finding]:
    """Open it, and from it look at the server; what does not open says itself what to do."""
    from mifeng.home import needs_passphrase

    found = list[Finding]()
    try:
        by_passphrase = await needs_passphrase(told.folder)
        async with opened(told, offline=True) as me:
            how = _("opened by a passphrase") if by_passphrase else _("opened by the keyring")
            found.append(Finding(_("Profile and vault"), f"{told.folder}, {how}"))
            for alarm in (await me.alarms())[:1]:
                remedy = _("See `mifeng alarms`.")
                found.append(
                    Finding(
                        _("Alarms"),
                        retold(alarm.message, alarm.rule),
                        remedy,
                        ExitCode.NOT_AUTHENTIC,
                    )
                )
            found += await _server(me)
    except MifengError as err:
        what = _("Server") if found else _("Profile and vault")
        sentence, _sep, remedy = explain(err).partition("; ")
        found.append(Finding(what, sentence, remedy, exit_code_of(err)))
    return found


async def _server(me: Workspace) -> list[Finding]:
    began = time.time()
    its = await me.server_time()
    took = time.time() - began
    away = its.timestamp() - (began + took / 2)
    found = [
        Finding(_("Server"), _("{address}, {ms} ms").format(address=me.server, ms=int(took * 1000)))
    ]
    told = _("{s} s from the server's").format(s=round(away, 1))
    if abs(away) < CLOCK_WARNS_S:
        return [*found, Finding(_("Clock"), told)]
    remedy = _("Set this device's clock; beyond ten minutes nothing is accepted.")
    code = ExitCode.REFUSED if abs(away) >= CLOCK_FAILS_S else ExitCode.STORAGE
    return [*found, Finding(_("Clock"), told, remedy, code)]
