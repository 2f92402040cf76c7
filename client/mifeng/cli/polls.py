"""Polls: ask, vote, close."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.acting import act_in
from mifeng.cli.command import App
from mifeng.cli.named import MessageNumber, UnitName
from mifeng.cli.policy import duration
from mifeng.text import _

if TYPE_CHECKING:
    from mifeng import Message, Unit, Workspace

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

    async def act(_me: Workspace, where: Unit, _said: str) -> Message:
        ends = None
        if closes_in is not None:
            ends = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=duration(closes_in))
        return await where.ask(question, *choices, several=several, closes_at=ends)

    act_in(context, unit, act)


def vote(
    context: typer.Context,
    unit: UnitName,
    number: MessageNumber,
    choices: Annotated[
        list[int] | None, typer.Argument(help=_("The places of what you choose, from 1 on."))
    ] = None,
) -> None:
    """Vote."""

    async def act(_me: Workspace, where: Unit, _said: str) -> Message:
        return await where.vote(number, *(choices or ()))

    act_in(context, unit, act)


def close(context: typer.Context, unit: UnitName, number: MessageNumber) -> None:
    """End a poll."""

    async def act(_me: Workspace, where: Unit, _said: str) -> Message:
        return await where.close_poll(number)

    act_in(context, unit, act)
