"""Announcements: announce, confirm, confirmations, remind, verify-confirmations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.acting import act_in, said
from mifeng.cli.named import MessageNumber, Text, UnitName
from mifeng.cli.options import opened, options, run
from mifeng.text import _, ngettext
from mifeng_crypto.errors import UsageError

if TYPE_CHECKING:
    from mifeng import Message, Unit, Workspace
    from mifeng.core.proof import Proven

__all__ = ["add_to", "print_proven"]


def add_to(app: typer.Typer) -> None:
    """Declare these commands."""
    app.command(help=_("Announce something that everybody is to confirm."))(announce)
    app.command(help=_("Confirm that you have read an announcement."))(confirm)
    app.command(help=_("Show who has confirmed an announcement, and who has not."))(confirmations)
    app.command(help=_("Remind those who have not confirmed, or whose decision is due."))(remind)
    app.command(
        "verify-confirmations", help=_("Check an exported file of confirmations, offline.")
    )(verify_confirmations)


def announce(  # noqa: PLR0917 - an option a field
    context: typer.Context,
    unit: UnitName,
    title: Annotated[str, typer.Argument(help=_("One line."))],
    text: Text,
    cascade: Annotated[
        bool, typer.Option("--cascade", help=_("Also in all units below, each for itself."))
    ] = False,
    file: Annotated[
        list[Path] | None, typer.Option(help=_("A file that comes with it; several times."))
    ] = None,
) -> None:
    """Announce something."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, message_facts, say
        from mifeng.content import printable

        body = said(text)
        async with opened(told) as me:
            where = me.unit(unit)
            if not cascade:
                message = await where.announce(title, body, *(file or ()))
                if told.json:
                    as_json(message_facts(where, message))
                    return
                sentence = _("Announced in {unit}, as number {n}.")
                say(sentence.format(unit=printable(where.title), n=message.sequence))
                return
            done = await me.announce(where, title, body, *(file or ()))
            for posted, message in done.posted:
                if told.json:
                    as_json(message_facts(posted, message))
                else:
                    sentence = _("Announced in {unit}, as number {n}.")
                    say(sentence.format(unit=printable(posted.title), n=message.sequence))
            for place, reason in done.left_out:
                name = place.title or place.id.hex()[:8]
                if told.json:
                    as_json({"unit_id": place.id.hex(), "left_out": reason})
                else:
                    line = _("Not in {unit}: {reason}")
                    say(line.format(unit=printable(name), reason=printable(_(reason))))

    run(told, main)


def confirm(context: typer.Context, unit: UnitName, number: MessageNumber) -> None:
    """Confirm an announcement."""

    async def act(_me: Workspace, where: Unit, _said: str) -> Message:
        return await where.confirm(number)

    act_in(context, unit, act, _("Confirmed number {n}."))


def confirmations(
    context: typer.Context,
    unit: UnitName,
    number: MessageNumber,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=_("Write the list with its signatures.")),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help=_("Go on until all have confirmed."))
    ] = False,
) -> None:
    """Show who has confirmed."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, message_facts

        async with opened(told, lends=watch, local=True) as me:
            where = me.unit(unit)
            message = await where.message(number)
            if export is not None or message.announcement is None:
                proof = await where.export_confirmations(number)
                if export is not None:
                    export.write_bytes(proof)
            if watch:
                await _watch(me, where, number, as_lines=told.json)
            elif told.json:
                as_json(message_facts(where, message))
            else:
                _print(message, where)

    run(told, main)


async def _watch(me: Workspace, where: Unit, number: int, *, as_lines: bool) -> None:
    """Show it, and again whenever somebody has confirmed, until all have."""
    from mifeng.cli.show import as_json, message_facts

    shown = -1
    with me.events() as events:  # first, so that nothing falls in between
        while True:
            message = await where.message(number)
            announced = message.announcement
            if announced is None:  # deleted meanwhile
                raise UsageError("number {n} is no announcement", n=number)
            if shown != len(announced.confirmed):
                shown = len(announced.confirmed)
                if as_lines:
                    as_json(message_facts(where, message))
                else:
                    _print(message, where)
                sys.stdout.flush()
            if not announced.missing:
                return
            await anext(events)


def _print(message: Message, where: Unit) -> None:
    from mifeng.cli.show import print_table, say, shown_name
    from mifeng.content import printable

    announced = message.announcement
    assert announced is not None, "whoever is no announcement has raised"
    say(f"{printable(announced.title)} ({printable(where.title)}, #{message.sequence})")
    rows = [
        [shown_name(person), time.astimezone().strftime("%Y-%m-%d %H:%M")]
        for person, time in announced.confirmed
    ]
    rows += [[shown_name(person), _("not yet")] for person in announced.missing]
    print_table([_("Name"), _("Confirmed")], rows)
    n, asked = len(announced.confirmed), len(announced.confirmed) + len(announced.missing)
    say(_("{n} of {asked} have confirmed.").format(n=n, asked=asked))


def remind(context: typer.Context, unit: UnitName, number: MessageNumber) -> None:
    """Remind those who have not confirmed, or whose decision is due."""

    async def act(_me: Workspace, where: Unit, _said: str) -> Message:
        return await where.remind(number)

    act_in(context, unit, act, "{reminded}", also=_reminded)


def _reminded(message: Message) -> dict[str, object]:
    n = 0
    if message.announcement:
        n = len(message.announcement.missing)
    elif message.approval:
        n = len(message.approval.waiting_for)
    return {"reminded": ngettext("Reminded {n} person.", "Reminded {n} people.", n).format(n=n)}


def verify_confirmations(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help=_("What `mifeng confirmations --export` wrote."))],
) -> None:
    """Check a file of confirmations by itself."""
    told = options(context)

    async def main() -> None:
        from mifeng.core.proof import verify_confirmations as verify

        proven = verify(file.read_bytes())
        print_proven(proven, as_one=told.json)

    run(told, main)


def print_proven(proven: Proven, *, as_one: bool) -> None:
    """Print what a proof of confirmations proves."""
    from mifeng.cli.show import as_json, local_time, print_table, say
    from mifeng.content import printable

    digits = proven.workspace_number
    number = " ".join(digits[n : n + 5] for n in range(0, len(digits), 5))
    if as_one:
        as_json(
            {
                "workspace_number": number,
                "title": proven.announcement.title,
                "author": proven.author.hex(),
                "at": proven.at,
                "confirmed": [{"member_id": who.hex(), "at": at} for who, at in proven.confirmed],
                "missing": [who.hex() for who in proven.missing],
            }
        )
        return
    say(_("Every signature in this file is in order."))
    say(_("Workspace: {number}").format(number=number))
    say(printable(proven.announcement.title))
    rows = [[proven.names.get(who, ""), local_time(at), who.hex()] for who, at in proven.confirmed]
    rows += [[proven.names.get(who, ""), _("not yet"), who.hex()] for who in proven.missing]
    print_table([_("Name (not signed)"), _("Confirmed"), _("Member id")], rows)
