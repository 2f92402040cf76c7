"""Over all units: search, feed, follow, mute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.options import opened, options, run
from mifeng.text import _, ngettext

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mifeng import Found, Workspace

__all__ = ["add_to", "print_found"]

Last = Annotated[int, typer.Option("--last", "-n", min=1, help=_("At most so many."))]


def add_to(app: typer.Typer) -> None:
    """Declare these commands."""
    app.command(help=_("Find messages; from:NAME, in:UNIT, has:file, before:DAY narrow it."))(
        search
    )
    app.command(help=_("Show what was posted where you follow, newest first."))(feed)
    app.command(help=_("Take a unit into your feed, or show what is in it."))(follow)
    app.command(help=_("Leave a unit, or a person, out of your feed."))(mute)


def search(
    context: typer.Context,
    query: Annotated[list[str], typer.Argument(help=_("Words and filters."))],
    last: Last = 20,
) -> None:
    """Find messages."""
    told = options(context)

    async def main() -> None:
        async with opened(told, local=True) as me:
            found = await me.search(" ".join(query), last=last)
            print_found(found, as_lines=told.json)
            if not found and not told.json:
                typer.echo(_("Nothing here says that."), err=True)

    run(told, main)


def feed(
    context: typer.Context,
    person: Annotated[
        str | None, typer.Option(metavar="NAME", help=_("Only what this person has posted."))
    ] = None,
    last: Last = 20,
) -> None:
    """Show what was posted."""
    told = options(context)

    async def main() -> None:
        async with opened(told, local=True) as me:
            if person is not None:
                found = await me.posts_of(me.person(person), last=last)
            else:
                found = await me.feed(last=last)
            print_found(found, as_lines=told.json)

    run(told, main)


def follow(
    context: typer.Context,
    unit: Annotated[
        str | None, typer.Argument(help=_("A unit; else show what you follow."))
    ] = None,
) -> None:
    """Take a unit into the feed, or show what is in it."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say
        from mifeng.content import printable

        async with opened(told) as me:
            if unit is None:
                await _print_followed(me, as_lines=told.json)
                return
            where = me.unit(unit)
            await me.follow_unit(where)
            if told.json:
                as_json({"unit_id": where.id.hex(), "followed": True})
            else:
                say(_("You follow {unit}.").format(unit=printable(where.title)))

    run(told, main)


async def _print_followed(me: Workspace, *, as_lines: bool) -> None:
    from mifeng.cli.show import as_json, print_table

    settings = await me.feed_settings()
    units = [(unit, settings.follows(unit)) for unit in me.units()]
    people = [me.person(member_id) for member_id in sorted(settings.muted_people)]
    if as_lines:
        for unit, followed in units:
            as_json({"unit_id": unit.id.hex(), "title": unit.title, "followed": followed})
        for person in people:
            as_json({"member_id": person.id.hex(), "name": person.name, "muted": True})
        return
    rows = [[unit.title, _("in your feed") if on else _("not in your feed")] for unit, on in units]
    rows += [[person.name, _("not in your feed")] for person in people]
    print_table(["", _("Feed")], rows)


def mute(
    context: typer.Context,
    unit: Annotated[str | None, typer.Argument(help=_("A unit."))] = None,
    person: Annotated[str | None, typer.Option(metavar="NAME", help=_("A person instead."))] = None,
    undo: Annotated[bool, typer.Option("--undo", help=_("Take it in again."))] = False,
) -> None:
    """Leave something out of the feed."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say
        from mifeng.content import printable
        from mifeng_crypto.errors import UsageError

        async with opened(told) as me:
            if (unit is None) == (person is None):
                raise UsageError("name a unit, or a person with --person")
            if person is not None:
                who = me.person(person)
                await me.mute_person(who, on=not undo)
                facts, name = {"member_id": who.id.hex(), "muted": not undo}, who.name
            else:
                where = me.unit(unit or "")
                await me.follow_unit(where, on=undo)
                facts, name = {"unit_id": where.id.hex(), "muted": not undo}, where.title
            if told.json:
                as_json(facts)
            else:
                sentence = _("Back in your feed: {name}") if undo else _("Not in your feed: {name}")
                say(sentence.format(name=printable(name)))

    run(told, main)


def print_found(found: Iterable[Found], *, as_lines: bool) -> None:
    """Print messages of several units, each under the title of its own."""
    from mifeng.cli.show import as_json, message_facts, print_message, say
    from mifeng.content import printable

    for one in found:
        if as_lines:
            as_json(message_facts(one.unit, one.message))
        else:
            day = one.message.time.astimezone().strftime("%Y-%m-%d")
            say(f"[{printable(one.unit.title)}] {day}")
            print_message(one.message)
            if n := len(one.message.answers):
                say("       " + ngettext("{n} answer", "{n} answers", n).format(n=n))
