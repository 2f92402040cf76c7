"""Who is in a unit, and its end: grant, revoke, restart, close."""

from __future__ import annotations

import asyncio
import enum
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.named import PersonName, UnitName
from mifeng.cli.options import opened, options, run
from mifeng.text import _

if TYPE_CHECKING:
    from mifeng import Governed

__all__ = ["add_to"]


class GrantRole(enum.StrEnum):
    """What a grant may give."""

    MANAGER = "manager"
    MEMBER = "member"
    PUBLISHER = "publisher"
    READER = "reader"
    ARCHIVE = "archive"


def add_to(unit: typer.Typer) -> None:
    """Declare these commands, behind `unit`."""
    unit.command(help=_("Let somebody in, or change what they may do."))(grant)
    unit.command(help=_("Take somebody out."))(revoke)
    unit.command(help=_("Begin a unit anew that cannot go on."))(restart)
    unit.command(help=_("End a unit for good."))(close)


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
                # In a thread: where the call is done for another process, that one is asked.
                await asyncio.to_thread(_ask_to_restart, name)
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
