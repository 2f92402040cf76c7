"""Messages: send, reply, edit, delete, react, read, thread, tail."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.acting import act_in
from mifeng.cli.named import MessageNumber, Text, UnitName
from mifeng.cli.options import opened, options, run
from mifeng.text import _

if TYPE_CHECKING:
    from mifeng import Message, Person, Unit, Workspace
    from mifeng_crypto.ledger.charter_entry import UnitRole

__all__ = ["add_to"]

AROUND = 21
"""How many lines show where a message stands."""


def add_to(app: typer.Typer) -> None:
    """Declare these commands."""
    app.command(help=_("Send a text; `-` reads it from the standard input."))(send)
    app.command(help=_("Answer a message."))(reply)
    app.command(help=_("Change a message of yours."))(edit)
    app.command(help=_("Take a message of yours back."))(delete)
    app.command(help=_("React to a message with an emoji."))(react)
    app.command(help=_("Show what was said."))(read)
    app.command(help=_("Show a message and what answers it."))(thread)
    app.command(help=_("Show who has read a message, where the unit's policy asks for it."))(
        receipts
    )
    app.command(help=_("Show what was said, and each new message as it comes."))(tail)


def send(
    context: typer.Context,
    unit: UnitName,
    text: Text,
    mention: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME|all|ROLE", help=_("Whom it calls; may be given several times.")),
    ] = None,
) -> None:
    """Send a text."""

    async def act(me: Workspace, where: Unit, said: str) -> Message:
        called = [where.mention(_whom(me, name)) for name in mention or ()]
        return await where.send(" ".join([*called, said]))

    act_in(context, unit, act, _("Sent to {unit}, as number {n}."), text=text)


def reply(
    context: typer.Context,
    unit: UnitName,
    number: MessageNumber,
    text: Text,
    in_thread: Annotated[
        bool, typer.Option("--thread", help=_("In the thread that begins with that message."))
    ] = False,
) -> None:
    """Answer a message."""

    async def act(_me: Workspace, where: Unit, said: str) -> Message:
        return await where.send(said, reply_to=number, thread=number if in_thread else None)

    act_in(context, unit, act, _("Sent to {unit}, as number {n}."), text=text)


def edit(context: typer.Context, unit: UnitName, number: MessageNumber, text: Text) -> None:
    """Change a message of yours."""

    async def act(_me: Workspace, where: Unit, said: str) -> Message:
        return await where.edit(number, said)

    act_in(context, unit, act, _("Changed number {n} in {unit}."), text=text)


def delete(context: typer.Context, unit: UnitName, number: MessageNumber) -> None:
    """Take a message of yours back."""

    async def act(_me: Workspace, where: Unit, _said: str) -> Message:
        return await where.delete(number)

    act_in(context, unit, act, _("Deleted number {n} in {unit}."))


def react(
    context: typer.Context,
    unit: UnitName,
    number: MessageNumber,
    emoji: Annotated[str, typer.Argument(help=_("An emoji, or a short word."))],
    undo: Annotated[bool, typer.Option("--undo", help=_("Take it back."))] = False,
) -> None:
    """React to a message."""

    async def act(_me: Workspace, where: Unit, _said: str) -> Message:
        return await (where.unreact if undo else where.react)(number, emoji)

    sentence = _("Took the reaction to number {n} in {unit} back.")
    act_in(context, unit, act, sentence if undo else _("Reacted to number {n} in {unit}."))


def _whom(me: Workspace, name: str) -> Person | UnitRole | None:
    from mifeng_crypto.ledger.charter_entry import UnitRole

    if name.lower() == "all":
        return None
    role = UnitRole.__members__.get(name.upper())
    return role if role is not None else me.person(name)


def read(
    context: typer.Context,
    unit: UnitName,
    last: Annotated[
        int | None, typer.Option("--last", "-n", min=1, help=_("Only so many."))
    ] = None,
    around: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help=_("Only what stands around this message.")),
    ] = None,
) -> None:
    """Show what was said."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.notices import print_ending, print_notices, print_unsent
        from mifeng.cli.show import as_json, message_facts, print_message

        async with opened(told, local=True) as me:
            where = me.unit(unit)
            if around is not None:
                shown = await where.around(around, span=last or AROUND)
            else:
                shown = await where.timeline(last=last)
            if not told.json:
                print_notices(where)
                await print_ending(where)
                print_unsent(where)
            for message in shown:
                if told.json:
                    as_json(message_facts(where, message))
                else:
                    print_message(message)
            await where.mark_read()
            where.check_access()  # what is here was shown; say if there is more that is not

    run(told, main)


def thread(context: typer.Context, unit: UnitName, number: MessageNumber) -> None:
    """Show a message and what answers it."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, message_facts, print_message

        async with opened(told, local=True) as me:
            where = me.unit(unit)
            for message in await where.thread(number):
                if told.json:
                    as_json(message_facts(where, message))
                else:
                    print_message(message)

    run(told, main)


def receipts(context: typer.Context, unit: UnitName, number: MessageNumber) -> None:
    """Show who has read a message."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, person_facts, print_table, shown_name

        async with opened(told, local=True) as me:
            read_by, received_by = await me.unit(unit).receipts(number)
        if told.json:
            as_json(
                {
                    "read": [person_facts(person) for person in read_by],
                    "received": [person_facts(person) for person in received_by],
                }
            )
            return
        rows = [[shown_name(person), _("read")] for person in read_by]
        rows += [[shown_name(person), _("received")] for person in received_by]
        print_table([_("Name"), ""], rows)

    run(told, main)


def tail(
    context: typer.Context,
    unit: UnitName,
    last: Annotated[int, typer.Option("--last", "-n", min=0, help=_("Begin with so many."))] = 10,
) -> None:
    """Show each new message as it comes."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.notices import print_ending, print_notices, print_unsent
        from mifeng.cli.show import as_json, message_facts, print_message

        async with opened(told, lends=True) as me:
            where = me.unit(unit)
            if not told.json:
                print_notices(where)
                await print_ending(where)
                print_unsent(where)
            before = await where.timeline(last=last + 1) if last else []
            after = before[0].sequence if len(before) > last else 0
            after = where.sequence if last == 0 else after
            async for message in where.follow(after=after):
                if told.json:
                    as_json(message_facts(where, message))
                else:
                    print_message(message)
                    sys.stdout.flush()

    run(told, main)
