"""How commands are told which unit, which person and which message is meant."""

from __future__ import annotations

from typing import Annotated

import typer

from mifeng.text import _

__all__ = ["MessageNumber", "PersonName", "Text", "UnitName"]

UnitName = Annotated[str, typer.Argument(help=_("A unit's title, its beginning, or its id."))]
PersonName = Annotated[str, typer.Argument(help=_("A name, its beginning, or a member id."))]
MessageNumber = Annotated[
    int, typer.Argument(metavar="N", min=1, help=_("A message's number, as `mifeng read` shows."))
]
Text = Annotated[str, typer.Argument(help=_("What to say, in Markdown; `-`: standard input."))]
