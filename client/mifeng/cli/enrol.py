"""Into and out of the workspace: found, join, invite, remove, whoami."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.options import Options, opened, options, passphrase_for, run
from mifeng.text import _

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from mifeng import Workspace

__all__ = ["add_to"]

Link = Annotated[str, typer.Argument(metavar="LINK", help=_("The whole link, in quotes."))]
Name = Annotated[str, typer.Option(help=_("Your name, as the others see it."))]
Title = Annotated[str, typer.Option(help=_("Your position, as the others see it."))]


class InviteRole(enum.StrEnum):
    """What an invite may promise."""

    ADMIN = "admin"
    MEMBER = "member"
    GUEST = "guest"


def add_to(app: typer.Typer) -> None:
    """Declare these commands."""
    app.command(help=_("Found the workspace of a new server, with the link of its `init`."))(found)
    app.command(help=_("Join a workspace with an invite."))(join)
    app.command(help=_("Make an invite for one person."))(invite)
    app.command(help=_("Remove a member from the workspace and all its units."))(remove)
    app.command(help=_("Show who you are."))(whoami)


def found(context: typer.Context, link: Link, name: Name, title: Title = "") -> None:
    """Found a workspace."""
    import mifeng

    _begin(context, lambda told, word: mifeng.found(
        link, profile=told.folder, name=name, title=title, passphrase=word
    ))  # fmt: skip


def join(context: typer.Context, link: Link, name: Name, title: Title = "") -> None:
    """Join a workspace."""
    import mifeng

    _begin(context, lambda told, word: mifeng.join(
        link, profile=told.folder, name=name, title=title, passphrase=word
    ))  # fmt: skip


def _begin(
    context: typer.Context,
    begin: Callable[[Options, str | None], AbstractAsyncContextManager[Workspace]],
) -> None:
    told = options(context)

    async def main() -> None:
        async with begin(told, passphrase_for(told, new=True)) as me:
            _show_me(told, me, _("You are in, as {name} ({role}). Your profile is in {folder}."))

    run(told, main)


def invite(
    context: typer.Context,
    role: Annotated[InviteRole, typer.Option(help=_("What the person may do."))] = (
        InviteRole.MEMBER
    ),
) -> None:
    """Make an invite."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say
        from mifeng_crypto.ledger.roster_entry import Role

        async with opened(told) as me:
            made = await me.invite(Role[role.name])
        if told.json:
            as_json(
                {
                    "link": made.link,
                    "member_id": made.person.id.hex(),
                    "expires_at": made.expires_at,
                }
            )
            return
        say(made.link)
        note = _("For one person, within 72 hours. Hand it over where nobody else reads it.")
        typer.echo(note, err=True)

    run(told, main)


def remove(
    context: typer.Context,
    person: Annotated[str, typer.Argument(help=_("A name, its beginning, or a member id."))],
) -> None:
    """Remove a member."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, person_facts, say
        from mifeng.content import printable

        async with opened(told) as me:
            gone = me.person(person)
            await me.remove(gone)
        if told.json:
            as_json(person_facts(gone))
        else:
            say(_("{name} is out of the workspace.").format(name=printable(gone.name)))

    run(told, main)


def whoami(context: typer.Context) -> None:
    """Show who you are."""
    told = options(context)

    async def main() -> None:
        async with opened(told) as me:
            _show_me(told, me, _("You are {name} ({role}). Your profile is in {folder}."))

    run(told, main)


def _show_me(told: Options, me: Workspace, sentence: str) -> None:
    from mifeng.cli.show import as_json, say

    role = me.role.name.lower() if me.role else "?"
    if told.json:
        as_json(
            {
                "name": me.me.name,
                "member_id": me.me.id.hex(),
                "device_id": me.device_id.hex(),
                "workspace_id": me.id.hex(),
                "role": role,
                "server": me.server,
                "profile": str(told.folder),
            }
        )
    else:
        say(sentence.format(name=me.me.name, role=role, folder=told.folder))
