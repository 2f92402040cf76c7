"""The roster: what has happened in it; roles; and how the server is known."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.command import App
from mifeng.cli.options import opened, options, run
from mifeng.text import _
from mifeng_crypto.errors import UsageError

if TYPE_CHECKING:
    from mifeng import Change, Workspace

__all__ = ["add_to"]


class MemberRole(enum.StrEnum):
    """What a member may do in the workspace."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    GUEST = "guest"


def add_to(app: typer.Typer) -> None:
    """Declare these commands."""
    role = App(help=_("What people may do in the workspace."), no_args_is_help=True)
    role.callback()(_role)
    role.command("set", help=_("Give somebody another role; the last owner stays."))(set_role)
    app.add_typer(role, name="role")
    server = App(help=_("How the server is known to everybody."), no_args_is_help=True)
    server.command("show", help=_("Show its addresses and the hashes of its TLS keys."))(
        show_server
    )
    server.command("set", help=_("Announce other addresses or TLS keys; for owners."))(set_server)
    app.add_typer(server, name="server")
    app.command(
        help=_("Show who came, left, and got another role or device: all that was signed.")
    )(roster)


def _role() -> None:
    """Group `set`, alone for now, under a word of its own."""


def set_role(
    context: typer.Context,
    person: Annotated[str, typer.Argument(help=_("A name, its beginning, or a member id."))],
    role: Annotated[MemberRole, typer.Argument(help=_("The new role."))],
) -> None:
    """Give somebody another role."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say
        from mifeng.content import printable
        from mifeng_crypto.ledger.roster_entry import Role

        async with opened(told) as me:
            who = me.person(person)
            await me.set_role(who, Role[role.name])
        if told.json:
            as_json({"member_id": who.id.hex(), "role": role.value})
        else:
            say(_("{name} is {role} now.").format(name=printable(who.name), role=role.value))

    run(told, main)


def show_server(context: typer.Context) -> None:
    """Show how the server is known."""
    told = options(context)

    async def main() -> None:
        async with opened(told, local=True) as me:
            _show_server(me, as_json=told.json)

    run(told, main)


def set_server(
    context: typer.Context,
    address: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help=_("An address; give it for each. Replaces all of them.")),
    ] = None,
    pin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HEX",
            help=_("A TLS key's hash; give it for each, the old and the next. Replaces all."),
        ),
    ] = None,
    log_key: Annotated[
        str, typer.Option(metavar="HEX", help=_("What the server signs where logs stand with."))
    ] = "",
) -> None:
    """Announce other addresses, TLS keys or the next log key."""
    told = options(context)

    async def main() -> None:
        if not address and not pin and not log_key:
            raise UsageError("say what to change: --address, --pin or --log-key")
        try:
            pins = [bytes.fromhex(one) for one in pin] if pin else None
        except ValueError as err:
            raise UsageError("a TLS pin is a SHA-256: 64 hexadecimal digits") from err
        try:
            key = bytes.fromhex(log_key) or None
        except ValueError as err:
            raise UsageError("a log key is 64 hexadecimal digits") from err
        async with opened(told) as me:
            await me.set_server(addresses=address or None, tls_pins=pins, log_key=key)
            _show_server(me, as_json=told.json)

    run(told, main)


def _show_server(me: Workspace, *, as_json: bool) -> None:
    from mifeng.cli import show

    server = me.announced_server
    pins = [pin.hex() for pin in server.tls_pins]
    log_key = (server.checkpoint_key or b"").hex()
    if as_json:
        facts = {"addresses": list(server.addresses), "tls_pins": pins, "log_key": log_key}
        show.as_json(facts)
        return
    rows = [[_("Address"), line] for line in server.addresses]
    rows += [[_("TLS key"), line] for line in pins] + [[_("Log key"), log_key or "-"]]
    for name, value in rows:
        show.say(f"{name}: {value}")


def roster(
    context: typer.Context,
    after: Annotated[int, typer.Option(min=0, help=_("Only what follows this number."))] = 0,
) -> None:
    """Show what has happened in the roster."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, local_time, print_table
        from mifeng.sdk.wording import change_in_words

        async with opened(told, local=True) as me:
            found = await me.changes(after=after)
        if told.json:
            for change in found:
                as_json(_facts(change))
            return
        rows = [
            [str(change.sequence), local_time(change.time), change_in_words(change), _by(change)]
            for change in found
        ]
        print_table([_("No."), _("Time"), _("What"), _("Signed by")], rows)

    run(told, main)


def _by(change: Change) -> str:
    if change.author_device is None:
        return _("the recovery sheet") if change.kind == "recover" else _("the invite")
    return f"{change.author.name} ({change.author_device.hex()[:8]})"


def _facts(change: Change) -> dict[str, object]:
    from mifeng.cli.show import person_facts

    return {
        "sequence": change.sequence,
        "time": change.time,
        "kind": change.kind,
        "author": person_facts(change.author),
        "author_device": change.author_device.hex() if change.author_device else None,
        "subject": person_facts(change.subject) if change.subject else None,
        "device_id": change.device_id.hex() if change.device_id else None,
        "role": change.role.name.lower() if change.role else None,
    }
