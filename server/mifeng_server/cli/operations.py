"""The commands of whoever looks after a server; each with `--json`."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mifeng_server.cli.commands import STORAGE, Data, app, run_command
from mifeng_server.cli.show import show
from mifeng_server.text import _

if TYPE_CHECKING:
    from mifeng_server.domain.protocols import Store

__all__ = ["app"]

Json = Annotated[bool, typer.Option("--json", help=_("One JSON object a line."))]
Facts = list[dict[str, Any]]
NICE = 10
"""A backup takes what the running server leaves: whoever writes a message should not notice."""


@app.command(help=_("Look whether everything is in order; exit code 6 if something is not."))
def doctor(data: Data, as_json: Json = False) -> None:
    from mifeng_server.clock import SystemClock
    from mifeng_server.config import Folder, read_config
    from mifeng_server.operations.doctor import examine

    async def work() -> Facts:
        folder = Folder(data)
        found = await examine(folder, read_config(folder), SystemClock())
        return [asdict(finding) for finding in found]

    found = run_command(work())
    marks = {"ok": "✓", "warn": "!", "bad": "✗"}
    rows = found if as_json else [row | {"state": marks[row["state"]]} for row in found]
    titles = {"state": "", "check": _("Check"), "found": _("Found"), "remedy": _("Remedy")}
    show(rows, titles, as_json=as_json)
    if any(row["state"] == "bad" for row in found):
        raise typer.Exit(STORAGE)


@app.command(help=_("Copy a server while it runs; run again, only what is new is copied."))
def backup(
    data: Data,
    to: Annotated[
        Path,
        typer.Option(metavar="DIR", help=_("Where the backup is, or shall be."), readable=False),
    ],
    as_json: Json = False,
) -> None:
    from mifeng_server.clock import SystemClock
    from mifeng_server.config import Folder, read_config
    from mifeng_server.operations.backup import backup as make

    os.nice(NICE)

    async def work() -> Facts:
        folder = Folder(data)
        with _progress(as_json) as hear:
            made = await make(folder, read_config(folder), to, clock=SystemClock(), progress=hear)
        return [{"backup": str(to)} | {f: getattr(made, f) for f in made.__struct_fields__}]

    _facts(run_command(work()), as_json=as_json)


@app.command(help=_("Make a data folder of a backup, and prove that all of it is whole."))
def restore(
    source: Annotated[
        Path, typer.Argument(metavar="BACKUP", help=_("The backup."), readable=False)
    ],
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help=_("The new data folder."))
    ] = None,
    vault: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=_("The old server's vault; without it no file opens.")),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help=_("Only prove the backup; keep nothing."))
    ] = False,
    as_json: Json = False,
) -> None:
    from mifeng_server.clock import SystemClock
    from mifeng_server.config import Folder
    from mifeng_server.operations.restore import prove_backup
    from mifeng_server.operations.restore import restore as make

    if (data is None) is not check:
        raise typer.BadParameter(_("say either --data or --check"))

    async def work() -> Facts:
        with _progress(as_json) as hear:
            if data is None:
                proof = await prove_backup(source, clock=SystemClock(), progress=hear)
            else:
                proof = await make(
                    source, Folder(data), clock=SystemClock(), vault=vault, progress=hear
                )
        return [asdict(proof)]

    _facts(run_command(work()), as_json=as_json)


@app.command(help=_("Show all that the server knows of a member or a unit."))
def inspect(
    what: Annotated[
        str, typer.Argument(metavar="ID", help=_("A member's or a unit's id, in hex."))
    ],
    data: Data,
    as_json: Json = False,
) -> None:
    from mifeng_server.operations.inspect import inspect as look

    try:
        name = bytes.fromhex(what)
    except ValueError as err:
        raise typer.BadParameter(_("an id has 32 hexadecimal digits")) from err
    rows = _looking(data, lambda store: look(store, name))
    show(rows, {"fact": _("Fact"), "value": _("Value")}, as_json=as_json)


@app.command(help=_("Numbers of everything, and what ends next."))
def stats(data: Data, as_json: Json = False) -> None:
    from mifeng_server.operations.inspect import stats as look

    show(_looking(data, look), {"fact": _("Fact"), "value": _("Value")}, as_json=as_json)


@app.command(help=_("List the members; the server knows no names."))
def users(data: Data, as_json: Json = False) -> None:
    from mifeng_server.operations.inspect import users as look

    titles = {
        "member": _("Member"),
        "role": _("Role"),
        "kind": _("Kind"),
        "devices": _("Devices"),
        "units": _("Units"),
        "bytes": _("Bytes"),
        "last_login": _("Last login"),
    }
    show(_looking(data, look), titles, as_json=as_json)


@app.command(help=_("What members and units use of what they may have."))
def quota(data: Data, as_json: Json = False) -> None:
    from mifeng_server.config import Folder, read_config
    from mifeng_server.operations.inspect import quota as look

    titles = {
        "of": _("Of"),
        "id": "id",
        "used": _("Used"),
        "limit": _("Limit"),
        "percent": "%",
    }
    rows = _looking(data, lambda store: look(store, read_config(Folder(data))))
    show(rows, titles, as_json=as_json)


@app.command(help=_("Show what is due and would be destroyed; the running server does it."))
def purge(
    data: Data,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=_("Only show; there is nothing else."))
    ] = False,
    as_json: Json = False,
) -> None:
    from mifeng_server.clock import SystemClock
    from mifeng_server.operations.inspect import due

    if not dry_run:
        raise typer.BadParameter(_("the server purges every minute by itself; say --dry-run"))
    rows = _looking(data, lambda store: due(store, SystemClock().now()))
    titles = {"kind": _("Kind"), "due": _("Due"), "bytes": _("Bytes")}
    show(rows, titles, as_json=as_json)


@app.command(
    "rotate-key",
    help=_("Make the next TLS or log key, and switch to it once announced."),
)
def rotate_key(
    which: Annotated[str, typer.Argument(metavar="tls|log", help=_("Which key."))],
    data: Data,
    switch: Annotated[
        bool, typer.Option("--switch", help=_("Use it, if the roster names it."))
    ] = False,
    as_json: Json = False,
) -> None:
    from mifeng_server.clock import SystemClock
    from mifeng_server.config import Folder, read_config
    from mifeng_server.domain.roster_load import load_roster
    from mifeng_server.operations import keys

    if which not in ("tls", "log"):
        raise typer.BadParameter(_("the key is `tls` or `log`"))
    kind: keys.Which = "tls" if which == "tls" else "log"
    folder = Folder(data)

    async def work(store: Store) -> Facts:
        if switch:
            keys.switch(folder, kind, await load_roster(store))
            return [{"key": which, "state": _("in use after a restart")}]
        config = read_config(folder)
        made = keys.prepare(folder, config, kind, clock=SystemClock(), rng=os.urandom)
        return [{"key": which, "announce": made, "command": keys.announcing(folder, kind, made)}]

    _facts(_looking(data, work), as_json=as_json)


@app.command("migrate-to", help=_("Copy everything to PostgreSQL, verify it, and go on there."))
def migrate_to(
    url: Annotated[str, typer.Argument(metavar="URL", help="postgresql://user@host/name")],
    data: Data,
    as_json: Json = False,
) -> None:
    from mifeng_server.config import Folder
    from mifeng_server.operations.move import move_to_postgres

    async def work() -> Facts:
        with _progress(as_json) as hear:
            counts = await move_to_postgres(Folder(data), url, progress=hear)
        return [{"table": name, "rows": n} for name, n in counts.items()]

    rows = run_command(work())
    show(rows, {"table": _("Table"), "rows": _("Rows")}, as_json=as_json)
    told = _("All of it is in PostgreSQL now, and the same. Start the server, it goes on there:")
    typer.echo(told, err=True)
    typer.echo(f"  mifeng-server serve --data {data}", err=True)
    typer.echo(_("The old database is {path}.").format(path=f"{data}/server.db.moved"), err=True)


def _looking(data: Path, look: Callable[[Store], Awaitable[Facts]]) -> Facts:
    """Open the server's database, look, and close it."""
    from mifeng_server.config import Folder, read_config
    from mifeng_server.opening import check_database, open_store

    async def work() -> Facts:
        folder = Folder(data)
        storage = read_config(folder).storage
        check_database(storage, folder)
        store = await open_store(storage, folder)
        try:
            return await look(store)
        finally:
            await store.close()

    found: Facts = run_command(work())
    return found


def _facts(rows: Facts, *, as_json: bool) -> None:
    """Print one object: as such, or as a table of its fields."""
    if as_json:
        show(rows, {}, as_json=True)
        return
    pairs = [{"fact": name, "value": value} for row in rows for name, value in row.items()]
    show(pairs, {"fact": _("Fact"), "value": _("Value")}, as_json=False)


class _progress:  # noqa: N801 - reads like a function
    """Say on a terminal how far it is."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet or not sys.stderr.isatty()

    def __enter__(self) -> Callable[[str, int], None]:
        return self._hear

    def __exit__(self, *_: object) -> None:
        if not self._quiet:
            typer.echo("", err=True)

    def _hear(self, what: str, n: int) -> None:
        if not self._quiet:
            typer.echo(f"\r{what}: {n:,}   ", err=True, nl=False)
