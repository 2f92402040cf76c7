"""Units: create, direct, grant, revoke, list, members, org."""

from __future__ import annotations

import enum
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.command import App
from mifeng.cli.options import opened, options, run
from mifeng.cli.policy import policy
from mifeng.text import _, ngettext

if TYPE_CHECKING:
    from mifeng import Governed, OrgUnit, Unit

__all__ = ["UnitName", "add_to"]

UnitName = Annotated[str, typer.Argument(help=_("A unit's title, its beginning, or its id."))]
PersonName = Annotated[str, typer.Argument(help=_("A name, its beginning, or a member id."))]


class Kind(enum.StrEnum):
    """What may be created here."""

    BUSINESS = "business"
    GROUP = "group"
    CHANNEL = "channel"


class GrantRole(enum.StrEnum):
    """What a grant may give."""

    MANAGER = "manager"
    MEMBER = "member"
    PUBLISHER = "publisher"
    READER = "reader"
    ARCHIVE = "archive"


def add_to(app: typer.Typer) -> None:
    """Declare these commands."""
    unit = App(help=_("Units: who talks with whom, under which keys."), no_args_is_help=True)
    unit.command(help=_("Open a unit."))(create)
    unit.command(help=_("Show what a unit goes by, or change it."))(policy)
    unit.command(help=_("Let somebody in, or change what they may do."))(grant)
    unit.command(help=_("Take somebody out."))(revoke)
    unit.command(help=_("Begin a unit anew that cannot go on."))(restart)
    unit.command(help=_("End a unit for good."))(close)
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


def grant(
    context: typer.Context,
    unit: UnitName,
    person: PersonName,
    role: Annotated[
        GrantRole | None,
        typer.Option(
            help=_("What the person may do; else `reader` in a channel, `member` elsewhere.")
        ),
    ] = None,
) -> None:
    """Let somebody in."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say
        from mifeng.content import printable
        from mifeng_crypto.ledger.charter_entry import UnitRole

        async with opened(told) as me:
            where, who = await me.governed(unit), me.person(person)
            is_in = await where.grant(who, UnitRole[role.name] if role else None)
            if told.json:
                given = next(m.role for m in where.members() if m.person.id == who.id)
                as_json(
                    {
                        "unit_id": where.id.hex(),
                        "member_id": who.id.hex(),
                        "role": given.name.lower(),
                        "is_in": is_in,
                        **_place(where),
                    }
                )
                return
        sentence = (
            _("{name} is in {unit} now.")
            if is_in
            else _("{name} is granted, and will be in {unit} after coming online.")
        )
        say(sentence.format(name=printable(who.name), unit=printable(_called(where))))

    run(told, main)


def _called(where: Governed) -> str:
    """The title, or the beginning of the id where only members know one."""
    return where.title or where.id.hex()[:8]


def _place(where: Governed) -> dict[str, object]:
    """Where this device is in a unit, if it is in it."""
    from mifeng import Unit

    if isinstance(where, Unit):
        return {"epoch": where.epoch, "sequence": where.sequence}
    return {"epoch": None, "sequence": None}


def revoke(context: typer.Context, unit: UnitName, person: PersonName) -> None:
    """Take somebody out."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say
        from mifeng.content import printable

        async with opened(told) as me:
            where, who = await me.governed(unit), me.person(person)
            await where.revoke(who)
            place = _place(where)
            if told.json:
                as_json({"unit_id": where.id.hex(), "member_id": who.id.hex(), **place})
                return
        sentence = (
            _("{name} is out of {unit}: the first epoch without them is {epoch}.")
            if place["epoch"] is not None
            else _(
                "{name} is revoked in {unit}; nothing passes there until a member takes them out."
            )
        )
        say(
            sentence.format(
                name=printable(who.name), unit=printable(_called(where)), epoch=place["epoch"]
            )
        )

    run(told, main)


def restart(
    context: typer.Context,
    unit: UnitName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=_("Do not ask."))] = False,
) -> None:
    """Begin a unit anew that cannot go on: with new keys, and everybody let in again."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say
        from mifeng.content import printable

        async with opened(told) as me:
            where = me.unit(unit)
            name = printable(where.title)
            if not yes and _on_terminal():
                _ask_to_restart(name)
            await where.restart()
            if told.json:
                number = where.generation
                as_json({"unit_id": where.id.hex(), "generation": number, **_place(where)})
                return
            inside = len({m.person.id for m in where.members() if m.is_in})
            count = len(where.members())
        sentence = (
            _("{unit} was begun anew; everybody is in.")
            if inside == count
            else _(
                "{unit} was begun anew; {inside} of {count} people are in, "
                "the others come in when they are online."
            )
        )
        say(sentence.format(unit=name, inside=inside, count=count))

    run(told, main)


def _on_terminal() -> bool:
    return sys.stdin.isatty()


def _ask_to_restart(name: str) -> None:
    warning = _(
        "{unit} begins anew: its keys are replaced, and everybody is let in again. Do so only if "
        "it cannot go on. What was said stays readable until its time is over."
    )
    typer.echo(warning.format(unit=name), err=True)
    typer.confirm(_("Restart it?"), abort=True, err=True)


def close(
    context: typer.Context,
    unit: UnitName,
    delete: Annotated[
        bool,
        typer.Option(
            "--delete", help=_("Delete all that was said in it at once; owners and admins only.")
        ),
    ] = False,
) -> None:
    """End a unit for good."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say
        from mifeng.content import printable

        async with opened(told) as me:
            where = await me.governed(unit)
            await where.close(delete=delete)
            if told.json:
                as_json({"unit_id": where.id.hex(), "deleted": delete, **_place(where)})
                return
        sentence = (
            _("{unit} is closed, and what was said in it is deleted.")
            if delete
            else _("{unit} is closed. What was said in it can be read until its time is over.")
        )
        say(sentence.format(unit=printable(_called(where))))

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

        async with opened(told) as me:
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

        async with opened(told) as me:
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

        async with opened(told) as me:
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
        from mifeng.content import printable

        async with opened(told) as me:
            where = me.unit(unit)
            await where.set_profile(title=title, topic=topic, purpose=purpose)
            if told.json:
                as_json({"unit_id": where.id.hex(), "title": where.title, "topic": where.topic})
            else:
                say(_("It is called {title} now.").format(title=printable(where.title)))

    run(told, main)
