"""Into the workspace: found, join, recover, link; invites, whoami."""

from __future__ import annotations

import asyncio
import enum
from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.command import App
from mifeng.cli.options import Options, opened, options, passphrase_for, run
from mifeng.cli.sheet import NoSheet, SheetFile, keeper, read_sheet
from mifeng.text import _
from mifeng_crypto.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from mifeng import Workspace

__all__ = ["add_to"]

Link = Annotated[str, typer.Argument(metavar="LINK", help=_("The whole link, in quotes."))]
Name = Annotated[str, typer.Option(help=_("Your name, as the others see it."))]
Title = Annotated[str, typer.Option(help=_("Your position, as the others see it."))]
DeviceName = Annotated[
    str | None,
    typer.Option(metavar="NAME", help=_("What this device is called; else as the machine is.")),
]


class KindOfMember(enum.StrEnum):
    """What may join."""

    PERSON = "person"
    BOT = "bot"
    ARCHIVE = "archive"


class InviteRole(enum.StrEnum):
    """What an invite may promise."""

    ADMIN = "admin"
    MEMBER = "member"
    GUEST = "guest"


def add_to(app: typer.Typer) -> None:
    """Declare these commands."""
    app.command(help=_("Found the workspace of a new server, with the link of its `init`."))(found)
    app.command(help=_("Join a workspace with an invite."))(join)
    app.command(help=_("Come back by your recovery sheet: all older devices are out."))(recover)
    app.command(
        "link", help=_("Make this another device of yours, with the link of `device add`.")
    )(link_device)
    app.command(help=_("Make an invite for one person."))(invite)
    invites = App(help=_("List the invites that nobody has used, or revoke one."))
    invites.callback(invoke_without_command=True)(list_invites)
    invites.command("revoke", help=_("Make an invite void: its link lets nobody in."))(
        revoke_invite
    )
    app.add_typer(invites, name="invites")
    app.command(help=_("Show who you are."))(whoami)


def found(
    context: typer.Context,
    link: Link,
    name: Name,
    *,
    title: Title = "",
    device_name: DeviceName = None,
    sheet: SheetFile = None,
    no_sheet: NoSheet = False,
) -> None:
    """Found a workspace."""
    import mifeng

    _begin(
        context,
        lambda told, word: mifeng.found(
            link,
            profile=told.folder,
            name=name,
            title=title,
            device_name=device_name,
            keep_sheet=keeper(told, sheet, none=no_sheet),
            passphrase=word,
        ),
    )


def join(
    context: typer.Context,
    link: Link,
    name: Name,
    *,
    title: Title = "",
    kind: Annotated[
        KindOfMember,
        typer.Option(help=_("What the others see that this is, for good; an archive is a guest.")),
    ] = KindOfMember.PERSON,
    device_name: DeviceName = None,
    sheet: SheetFile = None,
    no_sheet: NoSheet = False,
) -> None:
    """Join a workspace."""
    import mifeng

    _begin(
        context,
        lambda told, word: mifeng.join(
            link,
            profile=told.folder,
            name=name,
            title=title,
            kind=kind.value,
            device_name=device_name,
            keep_sheet=keeper(told, sheet, none=no_sheet),
            passphrase=word,
        ),
    )


def recover(
    context: typer.Context,
    sheet: Annotated[
        str,
        typer.Argument(
            metavar="SHEET", help=_("The sheet's file; or its link in quotes, then asks its code.")
        ),
    ],
    device_name: DeviceName = None,
    following: SheetFile = None,
) -> None:
    """Come back by a recovery sheet."""
    import mifeng

    def begin(told: Options, word: str | None) -> AbstractAsyncContextManager[Workspace]:
        keep = keeper(told, following)
        if keep is None:
            raise UsageError("say where the next sheet goes: --recovery-sheet FILE")
        return mifeng.recover(
            read_sheet(sheet),
            profile=told.folder,
            device_name=device_name,
            keep_sheet=keep,
            passphrase=word,
        )

    # Who comes back knows no names before a colleague's device has handed on their key.
    sentence = _(
        "You are back, as {role}, and all your older devices are out. Names are shown once a "
        "colleague's device is online. Your profile is in {folder}."
    )
    _begin(context, begin, sentence)


def link_device(context: typer.Context, link: Link, device_name: DeviceName = None) -> None:
    """Become another device of somebody who is in."""
    import mifeng

    told = options(context)

    async def show(code: str) -> None:
        from mifeng.cli.show import as_json, say

        if told.json:
            as_json({"code": code})
        else:
            say(_("Type these digits on your other device:  {code}").format(code=code))

    _begin(
        context,
        lambda told, word: mifeng.link(
            link, profile=told.folder, show=show, device_name=device_name, passphrase=word
        ),
    )


def _begin(
    context: typer.Context,
    begin: Callable[[Options, str | None], AbstractAsyncContextManager[Workspace]],
    sentence: str = "",
) -> None:
    told = options(context)

    async def main() -> None:
        word = await asyncio.to_thread(passphrase_for, told, new=True)
        async with begin(told, word) as me:
            usual = _("You are in, as {name} ({role}). Your profile is in {folder}.")
            _show_me(told, me, sentence or usual)

    run(told, main)


def invite(
    context: typer.Context,
    role: Annotated[InviteRole, typer.Option(help=_("What the person may do."))] = (
        InviteRole.MEMBER
    ),
    qr: Annotated[
        bool, typer.Option("--qr", help=_("Show the QR code even where it seems too large."))
    ] = False,
) -> None:
    """Make an invite."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.qr import show_qr
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
        show_qr(made.link, always=qr)
        note = _("For one person, within 72 hours. Hand it over where nobody else reads it.")
        typer.echo(note, err=True)

    run(told, main)


def list_invites(context: typer.Context) -> None:
    """List the invites that nobody has used."""
    if context.invoked_subcommand is not None:
        return
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, local_time, person_facts, print_table

        async with opened(told) as me:
            found = me.invites()
        if told.json:
            for item in found:
                as_json(
                    {
                        "member_id": item.person.id.hex(),
                        "role": item.role.name.lower(),
                        "state": item.state,
                        "expires_at": item.expires_at,
                        "issued_by": person_facts(item.issued_by),
                    }
                )
            return
        states = {"open": _("open"), "expired": _("expired"), "void": _("void")}
        rows = [
            [
                item.person.id.hex(),
                item.role.name.lower(),
                states[item.state],
                local_time(item.expires_at),
                item.issued_by.name,
            ]
            for item in found
        ]
        headings = [_("Member id"), _("Role"), _("State"), _("Expires"), _("Issued by")]
        print_table(headings, rows)

    run(told, main)


def revoke_invite(
    context: typer.Context,
    member_id: Annotated[
        str,
        typer.Argument(metavar="MEMBER_ID", help=_("The invite's member id, or its beginning.")),
    ],
) -> None:
    """Make an invite void."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say

        async with opened(told) as me:
            person = (await me.revoke_invite(member_id)).person
        if told.json:
            as_json({"member_id": person.id.hex()})
        else:
            say(_("The invite {id} is void: its link lets nobody in.").format(id=person.id.hex()))

    run(told, main)


def whoami(context: typer.Context) -> None:
    """Show who you are."""
    told = options(context)

    async def main() -> None:
        async with opened(told, local=True) as me:
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
