"""A whole organisation from a CSV file: what would be made, or making it."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.options import opened, options, run
from mifeng.text import _, explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mifeng.core.staff_list import Fault, StaffList
    from mifeng.sdk.onboarding import Imported, Plan

__all__ = ["add_to"]

SHOWN = 20
"""Lines of each kind that are shown; the counts are of all."""


def add_to(app: typer.Typer) -> None:
    """Declare this command."""
    app.command("import", help=_("Bring in people and units from a CSV file."))(import_)


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help=_("The list."))],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=_("Only show what would be made."))
    ] = False,
    links: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.csv",
            help=_("Where to write the links to hand out; else beside the list."),
        ),
    ] = None,
    days: Annotated[
        int, typer.Option(min=1, max=30, help=_("For how many days the links are good."))
    ] = 3,
) -> None:
    """Bring in people and units."""
    told = options(context)
    target = (links or file.with_suffix(".links.csv")).expanduser()

    async def main() -> None:
        from mifeng.cli.show import as_json, say
        from mifeng.core.staff_list import read_staff_list
        from mifeng_crypto.errors import UsageError

        staff, faults = read_staff_list(file.expanduser().read_bytes())
        if staff is None:
            _show_faults(faults, json=told.json)
            raise UsageError(
                "nothing was made; faults in {file}: {n}", file=file.name, n=len(faults)
            )
        if not dry_run and target.exists() and not _is_ours(target):
            raise UsageError(
                "{path} is there and is no list of links; name another file with --links",
                path=target,
            )
        async with opened(told) as me:
            plan = await me.onboarding.plan(staff)
            if dry_run:
                _show_plan(plan, staff, json=told.json)
                return
            with _progress(quiet=told.json) as progress:
                people = await me.onboarding.carry_out(staff, days=days, told=progress)
        open_links = [person for person in people if person.link]
        _write_links(target, open_links)
        if told.json:
            for person in people:
                as_json(
                    {
                        "id": person.external_id,
                        "name": person.name,
                        "member_id": person.member_id.hex(),
                        "expires_at": person.expires_at or None,
                        "state": person.state,
                    }
                )
            as_json({"links": str(target), "invited": len(open_links), "people": len(people)})
            return
        say(
            _("{n} people are in the workspace or invited; {links} links stand in {path}.").format(
                n=len(people), links=len(open_links), path=target
            )
        )
        note = _("Each link lets one person in. Hand each over where nobody else reads it, then "
                 "delete the file.")  # fmt: skip
        typer.echo(note, err=True)

    run(told, main)


def _show_faults(faults: tuple[Fault, ...], *, json: bool) -> None:
    from mifeng.cli.show import as_json, print_table

    if json:
        for fault in faults:
            as_json({"line": fault.line, "fault": str(fault.error)})
        return
    rows = [[str(fault.line), explain(fault.error)] for fault in faults[: 5 * SHOWN]]
    print_table([_("Line"), _("What is wrong")], rows)


def _show_plan(plan: Plan, staff: StaffList, *, json: bool) -> None:
    from mifeng.cli.show import as_json, print_table, say

    if json:
        as_json(
            {
                "dry_run": True,
                "encoding": staff.encoding,
                "unused_columns": list(staff.unused),
                "people": len(staff.people),
                "known": len(plan.known),
                "invites": [person.external_id for person in plan.invites],
                "cards": len(plan.cards),
                "units": ["/".join(path) for path in plan.units],
                "grants": [
                    {"id": person.external_id, "unit": "/".join(path), "role": role.name.lower()}
                    for person, path, role in plan.grants
                ],
            }
        )
        return
    if plan.units:
        print_table([_("New units")], [["/".join(path)] for path in plan.units])
    if plan.invites:
        rows = [
            [
                str(person.line),
                person.external_id,
                person.name,
                person.title,
                person.department,
                person.role.name.lower(),
                "; ".join(f"{'/'.join(p.path)} ({p.role.name.lower()})" for p in person.places),
            ]
            for person in plan.invites[:SHOWN]
        ]
        print_table(
            [
                _("Line"),
                _("Id"),
                _("Name"),
                _("Position"),
                _("Department"),
                _("Role"),
                _("Units"),
            ],
            rows,
        )
        if len(plan.invites) > SHOWN:
            say(_("... and {n} more").format(n=len(plan.invites) - SHOWN))
    sentence = _(
        "Would make: {invites} invites, {cards} cards, {units} units, {grants} grants. "
        "{known} people are known already."
    )
    say(
        sentence.format(
            invites=len(plan.invites),
            cards=len(plan.cards),
            units=len(plan.units),
            grants=len(plan.grants),
            known=len(plan.known),
        )
    )
    if staff.unused:
        note = _("These columns say nothing here: {columns}.")
        typer.echo(note.format(columns=", ".join(staff.unused)), err=True)


HEADINGS = ["id", "name", "link", "expires_at"]


def _is_ours(path: Path) -> bool:
    """Whether a file is a list of links, which may be written anew."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file), None) == HEADINGS


def _write_links(path: Path, people: list[Imported]) -> None:
    """Write the links, for nobody but this user; with a mark, so that Excel reads it as UTF-8."""
    import datetime as dt

    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(HEADINGS)
    for person in people:
        until = dt.datetime.fromtimestamp(person.expires_at / 1000, dt.UTC)
        cells = (person.external_id, person.name)
        writer.writerow([*map(_harmless, cells), person.link, until.isoformat(timespec="seconds")])
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8-sig", newline="") as file:
        file.write(text.getvalue())
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _harmless(cell: str) -> str:
    """A cell that a spreadsheet would take for a formula is kept from being one."""
    return "'" + cell if cell[:1] in "=+-@\t\r" else cell


@contextlib.contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each kind of thing that is made; nothing where nobody looks."""
    from mifeng.cli.show import console

    if quiet or not sys.stderr.isatty():
        yield lambda _kind, _done, _total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

    names = {
        "units": _("Units"),
        "invites": _("Invites"),
        "cards": _("Cards"),
        "grants": _("Grants"),
    }
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, console=console(stderr=True), redirect_stdout=False, redirect_stderr=False
    ) as bar:
        tasks = dict[str, TaskID]()

        def told(kind: str, done: int, total: int) -> None:
            if kind not in tasks:
                tasks[kind] = bar.add_task(names[kind], total=total)
            bar.update(tasks[kind], completed=done, total=total)

        yield told
