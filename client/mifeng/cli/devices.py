"""Devices: another one of one's own, the list of all that there ever were, and their end."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.command import App
from mifeng.cli.options import Options, opened, options, run
from mifeng.text import _, ngettext

if TYPE_CHECKING:
    from mifeng import Device, NewDevice

__all__ = ["add_to"]

Whose = Annotated[
    str | None,
    typer.Option("--person", metavar="PERSON", help=_("Whose; else your own.")),
]


def add_to(app: typer.Typer) -> None:
    """Declare these commands."""
    device = App(help=_("Your devices, and other people's."), no_args_is_help=True)
    device.command("list", help=_("List every device that was ever added to a name."))(list_devices)
    device.command("add", help=_("Add a new device of your own: shows a link, asks, adds."))(add)
    device.command("rename", help=_("Call a device of yours something else."))(rename)
    device.command("revoke", help=_("Take a device out for good."))(revoke)
    app.add_typer(device, name="device")


def list_devices(context: typer.Context, person: Whose = None) -> None:
    """List devices."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, local_time, print_table
        from mifeng.sdk.wording import arrival_word

        async with opened(told, local=True) as me:
            found = await me.devices.list(me.person(person) if person is not None else None)
        if told.json:
            for device in found:
                as_json(_facts(device))
            return
        ends = {
            "revoke_device": _("out, by {name}"),
            "recover": _("out, by the recovery sheet"),
            "remove_member": _("out, with its owner"),
        }
        rows = []
        for device in found:
            state = _("this one") if device.is_this else _("in use")
            if device.ended_at is not None and device.ended_by is not None:
                end = ends[device.end].format(name=device.ended_by.name)
                state = f"{end}, {local_time(device.ended_at)}"
            since = local_time(device.added_at)
            rows.append([device.name, device.id.hex(), since, arrival_word(device), state])
        print_table([_("Name"), _("Device"), _("Since"), _("How"), _("State")], rows)

    run(told, main)


def _facts(device: Device) -> dict[str, object]:
    from mifeng.cli.show import person_facts

    return {
        "device_id": device.id.hex(),
        "device_name": device.name,
        **person_facts(device.person),
        "added_at": device.added_at,
        "added_by": person_facts(device.added_by),
        "how": device.how,
        "ended_at": device.ended_at,
        "ended_by": person_facts(device.ended_by) if device.ended_by else None,
        "end": device.end,
        "is_this": device.is_this,
    }


def add(
    context: typer.Context,
    qr: Annotated[
        bool, typer.Option("--qr", help=_("Show the QR code even where it seems too large."))
    ] = False,
) -> None:
    """Add a device of one's own."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say

        async with opened(told) as me, me.devices.link() as offer:
            if told.json:
                as_json({"link": offer.link})
            else:
                _show(offer.link, always=qr)
            asked = await offer.requested()
            code = await asyncio.to_thread(_ask, told, asked)
            everywhere = await offer.approve(code)
        if told.json:
            facts = {"device_id": asked.id.hex(), "in_all_units": everywhere}
            as_json({**facts, "messages": offer.shared})
            return
        if everywhere:
            say(_("The device is added, and in all of your units."))
        else:
            say(_("The device is added; the units follow as their members come online."))
        say(
            ngettext(
                "{n} message from before was handed over to it.",
                "{n} messages from before were handed over to it.",
                offer.shared,
            ).format(n=offer.shared)
        )

    run(told, main)


def _show(link: str, *, always: bool) -> None:
    from mifeng.cli.qr import show_qr
    from mifeng.cli.show import say

    say(link)
    show_qr(link, always=always)
    note = _(
        "On the new device: mifeng link 'LINK'. Within ten minutes, and only if the device is your "
        "own: show this link to nobody who asks for it."
    )
    typer.echo(note, err=True)


def _ask(told: Options, asked: NewDevice) -> str:
    """Ask the one question; whatever is not the code adds nothing."""
    from mifeng.cli.show import as_json
    from mifeng.content import printable

    if told.json:
        as_json({"device_id": asked.id.hex(), "name": asked.name, "system": asked.system})
    else:
        question = _(
            "Add «{name}» ({system}) to your devices? It will read and write as you.\n"
            "Type the twelve digits that it shows; anything else adds nothing: "
        ).format(name=printable(asked.name), system=printable(asked.system))
        typer.echo(question, nl=False, err=True)
    return sys.stdin.readline().strip()


def rename(
    context: typer.Context,
    device: Annotated[str, typer.Argument(help=_("The device's name or id, or its beginning."))],
    name: Annotated[str, typer.Argument(help=_("What it is to be called."))],
) -> None:
    """Call a device something else."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say
        from mifeng.content import printable

        async with opened(told) as me:
            found = await me.devices.find(device)
            await me.devices.rename(found, name)
        if told.json:
            as_json({"device_id": found.id.hex(), "device_name": name.strip()})
        else:
            say(_("The device is called {name} now.").format(name=printable(name.strip())))

    run(told, main)


def revoke(
    context: typer.Context,
    device: Annotated[str, typer.Argument(help=_("The device's name or id, or its beginning."))],
    person: Whose = None,
) -> None:
    """Take a device out."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say

        async with opened(told) as me:
            whose = me.person(person) if person is not None else None
            found = await me.devices.find(device, whose)
            await me.devices.revoke(found)
        if told.json:
            as_json({"device_id": found.id.hex()})
        else:
            say(_("The device is out, for good: it reads nothing that is sent from now on."))

    run(told, main)
