"""Units: create, direct, list, members, profile, org; `governing` has who is in, and their end."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli import governing
from mifeng.cli.command import App
from mifeng.cli.named import PersonName, UnitName
from mifeng.cli.options import opened, options, run
from mifeng.cli.policy import policy
from mifeng.text import _, ngettext

if TYPE_CHECKING:
    from mifeng import Governed, OrgUnit, Unit

__all__ = ["add_to"]


class Kind(enum.StrEnum):
    """What may be created here."""

    BUSINESS = "business"
    GROUP = "group"
    CHANNEL = "channel"


def add_to(app: typer.Typer) -> None:
    """Declare these commands."""
    unit = App(help=_("Units: who talks with whom, under which keys."), no_args_is_help=True)
    unit.command(help=_("Open a unit."))(create)
    unit.command(help=_("Show what a unit goes by, or change it."))(policy)
    governing.add_to(unit)
    unit.command("list", help=_("List your units."))(list_units)
    unit.command(help=_("List who is in a unit."))(members)
    unit.command(help=_("Say what a unit is called and about."))(profile)
    app.add_typer(unit, name="unit")
    app.command(help=_("Open, or find, the unit of you and one other person."))(direct)
    app.command(help=_("Show the tree of units, or find some of them."))(org)


def create(
    context: typer.Context,
    title: Annotated[str, typer.Argument(help=_("What the unit is called."))],
    topic: Annotated[str, typer.Option(help=_("What it is about."))] = "",
    kind: Annotated[Kind, typer.Option(help=_("What it is."))] = Kind.BUSINESS,
    parent: Annotated[
        str | None, typer.Option(metavar="UNIT", help=_("Under which unit it stands."))
    ] = None,
) -> None:
    """Open a unit."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say
        from mifeng_crypto.ledger.charter_entry import UnitKind

        async with opened(told) as me:
            above = await me.governed(parent) if parent is not None else None
            unit = await me.create_unit(title, topic=topic, kind=UnitKind[kind.name], parent=above)
            if told.json:
                as_json(
                    {
                        "unit_id": unit.id.hex(),
                        "title": unit.title,
                        "epoch": unit.epoch,
                        "sequence": unit.sequence,
                    }
                )
            else:
                say(_("Opened {title} ({id}).").format(title=title, id=unit.id.hex()))

    run(told, main)


def direct(context: typer.Context, person: PersonName) -> None:
    """Open, or find, the unit of two."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say
        from mifeng.content import printable

        async with opened(told) as me:
            who = me.person(person)
            unit = await me.direct(who)
            is_in = any(m.is_in for m in unit.members() if m.person.id == who.id)
            if told.json:
                as_json(
                    {
                        "unit_id": unit.id.hex(),
                        "member_id": who.id.hex(),
                        "is_in": is_in,
                        "epoch": unit.epoch,
                        "sequence": unit.sequence,
                    }
                )
                return
        sentence = (
            _("You and {name} are in a unit of two: `mifeng send {name} ...`")
            if is_in
            else _("{name} will be in the unit of two after coming online.")
        )
        say(sentence.format(name=printable(who.name)))

    run(told, main)


def list_units(
    context: typer.Context,
    managed: Annotated[
        bool,
        typer.Option(
            "--managed", help=_("Those that you are not in, and have a say in all the same.")
        ),
    ] = False,
) -> None:
    """List your units."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, print_table

        async with opened(told, local=True) as me:
            if managed:
                _list_managed(await me.managed(), json=told.json)
                return
            units = me.units()
            if told.json:
                for unit in units:
                    as_json(
                        {
                            "unit_id": unit.id.hex(),
                            "title": unit.title,
                            "topic": unit.topic,
                            "kind": unit.kind.name.lower(),
                            "epoch": unit.epoch,
                            "sequence": unit.sequence,
                            "members": len(unit.members()),
                            "is_member": unit.is_member,
                            "is_closed": unit.is_closed,
                            "waiting": unit.waiting,
                        }
                    )
                return
            rows = [
                [
                    unit.title,
                    _state(unit),
                    str(unit.sequence),
                    unit.id.hex(),
                ]
                for unit in units
            ]
            print_table([_("Unit"), _("Members"), _("Entries"), _("Id")], rows)

    run(told, main)


def _state(unit: Unit) -> str:
    if unit.is_closed:
        return _("closed")
    return str(len(unit.members())) if unit.is_member else _("you are out")


def _list_managed(units: list[Governed], *, json: bool) -> None:
    from mifeng.cli.show import as_json, print_table

    if json:
        for unit in units:
            as_json(
                {
                    "unit_id": unit.id.hex(),
                    "kind": unit.kind.name.lower(),
                    "parent": unit.parent.hex() if unit.parent else None,
                    "members": len(unit.members()),
                }
            )
        return
    rows = [
        [
            unit.id.hex(),
            unit.kind.name.lower(),
            str(len(unit.members())),
            unit.parent.hex()[:8] if unit.parent else "",
        ]
        for unit in units
    ]
    print_table([_("Id"), _("Kind"), _("Members"), _("Under")], rows)


def org(
    context: typer.Context,
    query: Annotated[
        str | None,
        typer.Argument(help=_("Characters, pinyin, initials or the beginning of a title.")),
    ] = None,
) -> None:
    """Show the tree of units, or find some of them."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say

        async with opened(told, local=True) as me:
            places = me.org(query)
            for place in places:
                if told.json:
                    as_json(_org_facts(place))
                else:
                    say("  " * (place.depth if query is None else 0) + _org_line(place))
        if not places and not told.json:
            nothing = _("There is no unit in the tree yet.")
            typer.echo(nothing if query is None else _("No unit is found by that."), err=True)

    run(told, main)


def _org_facts(place: OrgUnit) -> dict[str, object]:
    from mifeng.cli.show import person_facts

    return {
        "unit_id": place.id.hex(),
        "title": place.title or None,
        "parent": place.parent.hex() if place.parent else None,
        "depth": place.depth,
        "members": place.people,
        "managers": [person_facts(person) for person in place.managers],
        "is_member": place.unit is not None,
    }


def _org_line(place: OrgUnit) -> str:
    from mifeng.content import printable

    if place.people is None:
        return _("({id}: a unit that you are not in)").format(id=place.id.hex()[:8])
    managers = ", ".join(
        f"{person.name} ({person.title})" if person.title else person.name
        for person in place.managers
    )
    count = place.people
    people = ngettext("{n} person", "{n} people", count).format(n=count)
    return printable(" · ".join(part for part in (place.title, people, managers) if part))


def members(context: typer.Context, unit: UnitName) -> None:
    """List who is in a unit."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.notices import print_notices
        from mifeng.cli.show import as_json, print_table, shown_name

        async with opened(told, local=True) as me:
            where = await me.governed(unit)
            found = where.members()
        if told.json:
            for membership in found:
                as_json(
                    {
                        "name": membership.person.name,
                        "member_id": membership.person.id.hex(),
                        "role": membership.role.name.lower(),
                        "is_in": membership.is_in,
                    }
                )
            return
        print_notices(where)
        rows = [
            [
                shown_name(membership.person),
                membership.role.name.lower(),
                _("not in yet") if membership.is_in is False else "",
                membership.person.id.hex(),
            ]
            for membership in found
        ]
        print_table([_("Name"), _("Role"), "", _("Member id")], rows)

    run(told, main)


def profile(
    context: typer.Context,
    unit: UnitName,
    title: Annotated[str | None, typer.Option(help=_("What the unit is called."))] = None,
    topic: Annotated[str | None, typer.Option(help=_("What it is about."))] = None,
    purpose: Annotated[str, typer.Option(help=_("A longer text about it, in Markdown."))] = "",
) -> None:
    """Say what a unit is called."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say
        from mifeng_crypto.errors import UsageError

        if title is None and topic is None and not purpose:
            raise UsageError("say what is to change: --title, --topic or --purpose")
        from mifeng.content import printable

        async with opened(told) as me:
            where = me.unit(unit)
            await where.set_profile(title=title, topic=topic, purpose=purpose)
            if told.json:
                as_json({"unit_id": where.id.hex(), "title": where.title, "topic": where.topic})
            else:
                say(_("It is called {title} now.").format(title=printable(where.title)))

    run(told, main)
