"""What has not come about: what waits for the server, and what it does not take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.options import opened, options, run
from mifeng.text import _, explain
from mifeng_crypto.errors import UsageError

if TYPE_CHECKING:
    from mifeng import Message, Unit, Unsent

__all__ = ["add_to"]

SHOWN = 60
"""Characters of a text that the table shows."""


def add_to(app: typer.Typer) -> None:
    """Declare this command."""
    app.command(help=_("Show what was not sent; send it again, or forget it."))(outbox)


def outbox(
    context: typer.Context,
    unit: Annotated[
        str | None,
        typer.Argument(metavar="UNIT", help=_("A unit's title, its beginning, or its id.")),
    ] = None,
    again: Annotated[
        int | None,
        typer.Option("--again", metavar="N", min=1, help=_("Send this one once more, as it is.")),
    ] = None,
    discard: Annotated[
        int | None, typer.Option("--discard", metavar="N", min=1, help=_("Forget this one."))
    ] = None,
) -> None:
    """Show what was not sent; send it again, or forget it."""
    told = options(context)
    which = again if again is not None else discard
    if which is not None and (unit is None or None not in (again, discard)):
        raise typer.BadParameter(_("name the unit, and either --again or --discard"))

    async def main() -> None:
        from mifeng.cli.show import say
        from mifeng.content import printable

        async with opened(told, local=True) as me:
            if which is None or unit is None:
                _list([me.unit(unit)] if unit else me.units(), as_lines=told.json)
                return
            where = me.unit(unit)
            one = _refused(where, which)
            await (where.discard if again is None else where.send_again)(one.number)
            if not told.json:
                done = _("Sent to {unit}.") if again is not None else _("Forgotten.")
                say(done.format(unit=printable(where.title)))

    run(told, main)


def _refused(unit: Unit, n: int) -> Unsent:
    found = unit.unsent()
    if n > len(found):
        raise UsageError("there is no such number; `mifeng outbox` shows what there is")
    return found[n - 1]


def _list(units: list[Unit], *, as_lines: bool) -> None:
    from mifeng.cli.show import as_json, print_table

    rows = []
    for unit in units:
        for n, one in enumerate(unit.unsent(), 1):
            rows.append([unit.title, str(n), _text(one.message), explain(one.why)])
        rows += [[unit.title, "", _text(one), _("waits for the server")] for one in unit.outgoing()]
    if as_lines:
        for title, number, text, why in rows:
            facts = {"unit": title, "number": int(number or 0), "text": text, "why": why}
            as_json(facts)
        return
    if not rows:
        typer.echo(_("Everything was sent."), err=True)
        return
    print_table([_("Unit"), _("Number"), _("Message"), _("Why")], rows)


def _text(message: Message | None) -> str:
    return " ".join((message.text or "").split())[:SHOWN] if message else _("(no text)")
