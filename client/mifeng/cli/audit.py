"""Alarms, and what an auditor needs."""

from __future__ import annotations

import asyncio

import typer

from mifeng.cli.options import options, passphrase_for, run
from mifeng.text import _

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Declare these commands."""
    app.command(help=_("Show what should not have been; exit code 7 if there is anything."))(alarms)


def alarms(context: typer.Context) -> None:
    """Show the alarms that this profile has kept, without a word to the server."""
    told = options(context)

    async def main() -> None:
        from mifeng import sdk
        from mifeng.cli.exit import ExitCode
        from mifeng.cli.show import as_json, local_time, print_table

        passphrase = await asyncio.to_thread(passphrase_for, told, new=False)
        async with sdk.unlock(told.folder, passphrase=passphrase) as me:
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
