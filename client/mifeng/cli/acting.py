"""Doing something in a unit, and telling about the message that it was done to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import typer

from mifeng.cli.options import opened, options, run, standard_input
from mifeng.text import _
from mifeng_crypto.errors import TransportError, UsageError

if TYPE_CHECKING:
    from mifeng import Message, Unit, Workspace

__all__ = ["act_in", "said"]


def said(text: str) -> str:
    """Return what a command is to say: the argument, or the standard input for `-`.

    Raises:
        UsageError: it is nothing.
    """
    said = standard_input().rstrip("\n") if text == "-" else text
    if not said.strip():
        raise UsageError("there is nothing to send; write something")
    return said


def act_in(
    context: typer.Context,
    unit: str,
    act: Callable[[Workspace, Unit, str], Awaitable[Message]],
    sentence: str = "",
    *,
    text: str | None = None,
    also: Callable[[Message], dict[str, object]] = lambda _message: {},
) -> None:
    """Open the profile, do it, and tell: as JSON, by a sentence, or by the message as it is then.

    Args:
        context: of the command.
        unit: its title, the beginning of that, or its id.
        act: what to do there; it is given what is to be said.
        sentence: with `{unit}` and `{n}`, its title and the message's number; empty: the message.
        text: what is to be said, or `-`: read before the profile is opened.
        also: what else stands in the sentence.
    """
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, message_facts, print_message, say
        from mifeng.content import printable

        body = "" if text is None else said(text)
        async with opened(told, local=True) as me:
            where = me.unit(unit)
            before = len(where.outgoing())
            try:
                message = await act(me, where, body)
            except TransportError:
                if len(where.outgoing()) > before and not told.json:
                    kept = _("It is kept, and goes out later: `mifeng outbox` shows it.")
                    typer.echo(kept, err=True)
                raise
            if told.json:
                as_json(message_facts(where, message))
            elif sentence:
                known = {"unit": printable(where.title), "n": message.sequence, **also(message)}
                say(sentence.format(**known))
            else:
                print_message(message)

    run(told, main)
