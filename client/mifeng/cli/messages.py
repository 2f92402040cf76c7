"""Messages: send, read, tail."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mifeng.cli.options import opened, options, run
from mifeng.cli.units import UnitName
from mifeng.text import _
from mifeng_crypto.errors import UsageError

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Declare these commands."""
    app.command(help=_("Send a text; `-` reads it from the standard input."))(send)
    app.command(help=_("Show what was said."))(read)
    app.command(help=_("Show what was said, and each new message as it comes."))(tail)


def send(
    context: typer.Context,
    unit: UnitName,
    text: Annotated[str, typer.Argument(help=_("What to say, in Markdown."))],
) -> None:
    """Send a text."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, message_facts, say
        from mifeng.content import printable

        said = sys.stdin.read().rstrip("\n") if text == "-" else text
        if not said.strip():
            raise UsageError("there is nothing to send; write something")
        async with opened(told) as me:
            where = me.unit(unit)
            message = await where.send(said)
            if told.json:
                as_json(message_facts(where, message))
            else:
                sentence = _("Sent to {unit}, as number {n}.")
                say(sentence.format(unit=printable(where.title), n=message.sequence))

    run(told, main)


def read(
    context: typer.Context,
    unit: UnitName,
    last: Annotated[
        int | None, typer.Option("--last", "-n", min=1, help=_("Only so many."))
    ] = None,
) -> None:
    """Show what was said."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, message_facts, print_message

        async with opened(told) as me:
            where = me.unit(unit)
            for message in await where.timeline(last=last):
                if told.json:
                    as_json(message_facts(where, message))
                else:
                    print_message(message)
            where.check_access()  # what is here was shown; say if there is more that is not

    run(told, main)


def tail(
    context: typer.Context,
    unit: UnitName,
    last: Annotated[int, typer.Option("--last", "-n", min=0, help=_("Begin with so many."))] = 10,
) -> None:
    """Show each new message as it comes."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, message_facts, print_message

        async with opened(told) as me:
            where = me.unit(unit)
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
