"""Out of the workspace: remove somebody, and see where they still are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.options import Options, opened, options, run
from mifeng.text import _, ngettext

if TYPE_CHECKING:
    from mifeng import Offboarding

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Declare these commands."""
    app.command(help=_("Remove a member from the workspace and all its units."))(remove)
    app.command(help=_("Show where removed members still are; exit code 8 after 24 hours."))(
        offboarding
    )


def remove(
    context: typer.Context,
    person: Annotated[str, typer.Argument(help=_("A name, its beginning, or a member id."))],
) -> None:
    """Remove a member."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import say
        from mifeng.content import printable

        async with opened(told) as me:
            gone = await me.remove(me.person(person))
        if not told.json:
            name = printable(gone.person.name)
            say(_("{name} is out of the workspace.").format(name=name))
        _show(told, gone)

    run(told, main)


def offboarding(
    context: typer.Context,
    person: Annotated[
        str | None,
        typer.Argument(help=_("Whom: a name, its beginning, or a member id; else all.")),
    ] = None,
) -> None:
    """Show where removed members still are."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.exit import ExitCode
        from mifeng.cli.show import say
        from mifeng.content import printable

        async with opened(told) as me:
            found = await me.offboarding(person)
        for one in found:
            if not told.json:
                say(printable(one.person.name))
            _show(told, one)
        if any(one.is_overdue for one in found):
            raise typer.Exit(int(ExitCode.OVERDUE))

    run(told, main)


def _show(told: Options, one: Offboarding) -> None:
    from mifeng.cli.show import as_json, person_facts, print_table, say
    from mifeng.content import printable
    from mifeng.sdk.wording import departure_word, others_in_words

    if told.json:
        as_json(
            {
                **person_facts(one.person),
                "removed_at": one.removed_at,
                "units": [
                    {
                        "unit_id": unit.unit_id.hex(),
                        "title": unit.title,
                        "state": unit.state,
                        "epoch": unit.epoch,
                        "sequence": unit.sequence,
                    }
                    for unit in one.units
                ],
                "others_out": one.others_out,
                "others_pending": one.others_pending,
                "pending": one.pending,
                "overdue": one.is_overdue,
            }
        )
        return
    rows = [
        [unit.title or unit.unit_id.hex(), departure_word(unit.state), str(unit.epoch or "")]
        for unit in one.units
    ]
    if rows:
        print_table([_("Unit"), _("State"), _("First epoch without")], rows)
    if others := others_in_words(one):
        say(others)
    if not one.pending:
        return
    if one.is_overdue:
        sentence = ngettext(
            "ALARM: {name} was removed more than 24 hours ago and is still in {n} unit. "
            "Have one of its members come online.",
            "ALARM: {name} was removed more than 24 hours ago and is still in {n} units. "
            "Have a member of each come online.",
            one.pending,
        )
    else:
        sentence = ngettext(
            "Pending in {n} unit, where nobody was online; nothing can be sent there until then. "
            "See `mifeng offboarding` later.",
            "Pending in {n} units, where nobody was online; nothing can be sent there until then. "
            "See `mifeng offboarding` later.",
            one.pending,
        )
    text = sentence.format(name=printable(one.person.name), n=one.pending)
    typer.secho(text, fg=typer.colors.RED if one.is_overdue else None, err=True)
