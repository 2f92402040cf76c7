"""Who the people are: the directory, and what it says of oneself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.command import App
from mifeng.cli.options import opened, options, run
from mifeng.text import _

if TYPE_CHECKING:
    from mifeng import Person

__all__ = ["add_to"]

POSTS = 10
"""How many posts somebody's page shows."""


def add_to(app: typer.Typer) -> None:
    """Declare these commands."""
    app.command(help=_("List the people of the workspace, or find some of them."))(people)
    app.command(help=_("Show a number to compare with somebody by voice or in person."))(verify)
    app.command(help=_("Save somebody's picture as a file."))(picture)
    profile = App(help=_("What the others see of you."), no_args_is_help=True)
    profile.command("show", help=_("Show who somebody is, and what was posted lately."))(
        show_profile
    )
    profile.command("set", help=_("Change your name, position, department or picture."))(
        set_profile
    )
    app.add_typer(profile, name="profile")


def people(
    context: typer.Context,
    query: Annotated[
        str | None,
        typer.Argument(
            help=_("Characters, pinyin, initials or a name's beginning; or a position, department.")
        ),
    ] = None,
) -> None:
    """List people, or find some."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, print_table

        async with opened(told, local=True) as me:
            found = me.people(query)
            kinds = {p.id: kind.name.lower() for p in found if (kind := me.kind_of(p))}
            roles = {p.id: role.name.lower() for p in found if (role := me.role_of(p))}
        if told.json:
            for person in found:
                facts = {"kind": kinds.get(person.id), "role": roles.get(person.id)}
                as_json({**_facts(person), **facts})
            return
        if query is not None and not found:
            typer.echo(_("Nobody is found by that."), err=True)
            return
        rows = [
            [
                _named(p, kinds.get(p.id)),
                p.title,
                p.department,
                roles.get(p.id, ""),
                p.id.hex(),
            ]
            for p in found
        ]
        headings = [_("Name"), _("Position"), _("Department"), _("Role"), _("Member id")]
        print_table(headings, rows)

    run(told, main)


def _named(person: Person, kind: str | None) -> str:
    """A name, and what it is if it is no person's."""
    if kind == "bot":
        return _("{name} (bot)").format(name=person.name)
    if kind == "archive":
        return _("{name} (archive)").format(name=person.name)
    return person.name


def verify(
    context: typer.Context,
    person: Annotated[
        str | None,
        typer.Argument(help=_("Whose devices to compare; else the workspace itself.")),
    ] = None,
) -> None:
    """Show a safety number."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say
        from mifeng.content import printable

        async with opened(told, local=True) as me:
            who = me.person(person) if person is not None else None
            number = me.safety_number(who)
        if told.json:
            as_json(
                {
                    "of": "member" if who else "workspace",
                    "id": who.id.hex() if who else me.id.hex(),
                    "version": 1,
                    "number": number,
                }
            )
            return
        groups = number.split()
        for row in range(0, len(groups), 4):
            say("  " + "  ".join(groups[row : row + 4]))
        note = (
            _("The same digits must stand on a device of {name}'s own, by the same command.")
            if who
            else _("The same digits must stand on every device of this workspace.")
        )
        remedy = _("If they differ, somebody is in between: trust nothing here, tell your company.")
        name = printable(who.name) if who else ""
        typer.echo(f"{note.format(name=name)}\n{remedy}", err=True)

    run(told, main)


def show_profile(
    context: typer.Context,
    person: Annotated[
        str | None, typer.Argument(help=_("A name, its beginning, or a member id; else yourself."))
    ] = None,
) -> None:
    """Show somebody's page."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.searching import print_found
        from mifeng.cli.show import as_json, message_facts, say
        from mifeng.content import printable

        async with opened(told, local=True) as me:
            who = me.me if person is None else me.person(person)
            role, kind = me.role_of(who), me.kind_of(who)
            shared = [
                unit for unit in me.units() if any(m.person.id == who.id for m in unit.members())
            ]
            posts = await me.posts_of(who, last=POSTS)
            if told.json:
                as_json(
                    {
                        **_facts(who),
                        "role": role.name.lower() if role else None,
                        "kind": kind.name.lower() if kind else None,
                        "units": [{"unit_id": u.id.hex(), "title": u.title} for u in shared],
                        "posts": [message_facts(one.unit, one.message) for one in posts],
                    }
                )
                return
            say(printable(_named(who, kind.name.lower() if kind else None)))
            for line in (who.title, who.department, who.id.hex()):
                if line:
                    say(f"  {printable(line)}")
            titles = ", ".join(printable(unit.title) for unit in shared)
            say("  " + _("in {units}").format(units=titles or "-"))
            print_found(posts, as_lines=False)

    run(told, main)


def set_profile(
    context: typer.Context,
    name: Annotated[str | None, typer.Option(help=_("Your name, as the others see it."))] = None,
    title: Annotated[
        str | None, typer.Option(help=_("Your position, as the others see it."))
    ] = None,
    department: Annotated[
        str | None, typer.Option(help=_("Your department, as the others see it."))
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=_("Your picture; a small square of it is sent. An empty text takes it away."),
        ),
    ] = None,
) -> None:
    """Change one's card."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say
        from mifeng.content import printable
        from mifeng_crypto.errors import UsageError

        if (name, title, department, picture) == (None, None, None, None):
            raise UsageError("say what to change: --name, --title, --department or --picture")
        image = None if picture is None else _image(picture)
        async with opened(told) as me:
            now = await me.set_profile(name=name, title=title, department=department, picture=image)
        if told.json:
            as_json(_facts(now))
            return
        said = ", ".join(printable(text) for text in (now.name, now.title, now.department) if text)
        say(_("The others see you as: {said}").format(said=said))

    run(told, main)


def _image(path: Path) -> bytes:
    """Read a picture's file; no path at all is no picture."""
    from mifeng.content.avatar import MAX_INPUT_BYTES

    if not path.name:
        return b""
    with path.expanduser().open("rb") as file:
        return file.read(MAX_INPUT_BYTES + 1)


def picture(
    context: typer.Context,
    person: Annotated[str, typer.Argument(help=_("A name, its beginning, or a member id."))],
    to: Annotated[Path, typer.Option(metavar="FILE", help=_("Where to write it, a JPEG file."))],
) -> None:
    """Save somebody's picture."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say
        from mifeng.errors import NotFoundError

        async with opened(told) as me:
            who = me.person(person)
            image = await me.picture(who)
        if image is None:
            raise NotFoundError("{name} has no picture", name=who.name)
        path = to.expanduser()
        path.write_bytes(image)
        if told.json:
            as_json({"member_id": who.id.hex(), "path": str(path), "size": len(image)})
        else:
            say(_("Saved as {path}.").format(path=path))

    run(told, main)


def _facts(person: Person) -> dict[str, object]:
    from mifeng.cli.show import person_facts

    return {**person_facts(person), "title": person.title, "department": person.department}
