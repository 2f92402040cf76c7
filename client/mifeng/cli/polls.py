"""Polls: ask, vote, close."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.command import App
from mifeng.cli.messages import MessageNumber
from mifeng.cli.options import opened, options, run
from mifeng.cli.policy import duration
from mifeng.cli.units import UnitName
from mifeng.text import _

if TYPE_CHECKING:
    from mifeng import Message, Unit

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Declare these commands."""
    poll = App(help=_("Polls: who votes for what, all members see."), no_args_is_help=True)
    poll.command(help=_("Ask everybody in a unit."))(ask)
    poll.command(help=_("Vote; without a choice: take your vote back."))(vote)
    poll.command(help=_("End a poll of yours."))(close)
    app.add_typer(poll, name="poll")


def ask(  # noqa: PLR0917 - an option a field
    context: typer.Context,
    unit: UnitName,
    question: Annotated[str, typer.Argument(help=_("One line."))],
    choices: Annotated[list[str], typer.Argument(help=_("Two to fifty."))],
    several: Annotated[
        bool, typer.Option("--several", help=_("A vote may be for more than one."))
    ] = False,
    closes_in: Annotated[
        str | None, typer.Option(metavar="TIME", help=_("When it ends by itself, as 2h or 3d."))
    ] = None,
) -> None:
    """Ask everybody."""

    async def act(where: Unit) -> Message:
        ends = None
        if closes_in is not None:
            ends = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=duration(closes_in))
        return await where.ask(question, *choices, several=several, closes_at=ends)

    _do(context, unit, act)


def vote(
    context: typer.Context,
    unit: UnitName,
    number: MessageNumber,
    choices: Annotated[
        list[int] | None, typer.Argument(help=_("The places of what you choose, from 1 on."))
    ] = None,
) -> None:
    """Vote."""

    async def act(where: Unit) -> Message:
        return await where.vote(number, *(choices or ()))

    _do(context, unit, act)


def close(context: typer.Context, unit: UnitName, number: MessageNumber) -> None:
    """End a poll."""

    async def act(where: Unit) -> Message:
        return await where.close_poll(number)

    _do(context, unit, act)


def _do(context: typer.Context, unit: str, act: Callable[[Unit], Awaitable[Message]]) -> None:
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, message_facts, print_message

        async with opened(told) as me:
            where = me.unit(unit)
            message = await act(where)
            if told.json:
                as_json(message_facts(where, message))
            else:
                print_message(message)

    run(told, main)
