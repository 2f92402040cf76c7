"""Alarms, an export for an auditor, and the audit of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from mifeng.cli.approvals import print_if_proof
from mifeng.cli.options import LENT, opened, options, run
from mifeng.text import _, ngettext, size

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Declare these commands."""
    app.command(help=_("Show what should not have been; exit code 7 if there is anything."))(alarms)
    app.command("audit-export", help=_("Write all that an auditor needs, without any secret."))(
        export
    )
    app.command(
        help=_("Audit exports, without a profile, a secret or a server; exit code 7 for a fault.")
    )(audit)


def alarms(context: typer.Context) -> None:
    """Show the alarms that this profile has kept, without a word to the server."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.exit import ExitCode
        from mifeng.cli.show import as_json, local_time, print_table

        async with opened(told, offline=True) as me:
            found = await me.alarms()
        if told.json:
            for alarm in found:
                as_json(
                    {
                        "time": alarm.time,
                        "rule": alarm.rule,
                        "unit_id": alarm.unit_id.hex() if alarm.unit_id else None,
                        "message": alarm.message,
                        "evidence": type(alarm.evidence).__name__,
                    }
                )
        elif found:
            rows = [
                [local_time(a.time), a.rule, a.unit_id.hex() if a.unit_id else "", a.message]
                for a in found
            ]
            print_table([_("Time"), _("Rule"), _("Unit"), _("What")], rows)
            remedy = _("The evidence is kept. Write it out with `mifeng audit-export FILE`.")
            typer.echo(remedy, err=True)
        else:
            typer.echo(_("No alarms."), err=True)
        if found:
            raise typer.Exit(int(ExitCode.NOT_AUTHENTIC))

    run(told, main)


def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help=_("The file to write."))],
    unit: Annotated[
        list[str] | None, typer.Option(metavar="UNIT", help=_("Only this unit; may be repeated."))
    ] = None,
    offline: Annotated[
        bool,
        typer.Option("--offline", help=_("Ask no server: ledgers, signatures and alarms only.")),
    ] = False,
) -> None:
    """Write an export."""
    told = options(context)

    async def main() -> None:
        from rich.console import Console

        from mifeng.cli.show import as_json, say

        # A bar of rich's own would draw over what the process prints that has the profile open.
        console = Console(stderr=True, quiet=told.json or LENT.get() is not None)
        async with opened(told, offline=offline) as me:
            wanted = [me.unit(name) for name in unit or ()]
            with console.status(_("Reading and fetching …")) as status:
                n = await me.export_for_audit(
                    file,
                    *wanted,
                    progress=lambda n: status.update(_("{n} records").format(n=n)),
                )
        length = (await asyncio.to_thread(file.stat)).st_size
        if told.json:
            as_json({"file": str(file), "records": n, "bytes": length})
            return
        sentence = _("Wrote {n} records ({size}) to {file}. It holds no secret and no plaintext.")
        say(sentence.format(n=n, size=size(length), file=file))

    run(told, main)


def audit(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="EXPORT...",
            help=_("Files that `mifeng audit-export` wrote, or proofs of approvals."),
        ),
    ],
) -> None:
    """Audit exports."""
    told = options(context)

    async def main() -> None:
        from rich.console import Console

        from mifeng import sdk
        from mifeng.cli import show_audit
        from mifeng.cli.exit import ExitCode

        exports = [path for path in files if not print_if_proof(path, as_one=told.json)]
        if not exports:
            return
        console = Console(stderr=True, quiet=told.json)
        with console.status(
            ngettext("Auditing {n} export …", "Auditing {n} exports …", len(exports)).format(
                n=len(exports)
            )
        ):
            found = await asyncio.to_thread(sdk.audit_files, exports)
        for path, audited in zip(exports, found, strict=True):
            if told.json:
                show_audit.as_lines(path, audited.report)
            else:
                show_audit.as_tables(path, audited.report)
        if not all(audited.report.is_clean for audited in found):
            raise typer.Exit(int(ExitCode.NOT_AUTHENTIC))

    run(told, main)
