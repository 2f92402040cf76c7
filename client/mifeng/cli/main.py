"""`mifeng`: the commands, and the options that all of them have.

Only what parses words is loaded here; each command loads what it needs when it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from mifeng import text

# Help texts are written when the commands are declared: the language comes first.
text.use_from(sys.argv)

import typer  # noqa: E402
from typer.core import TyperGroup  # noqa: E402

from mifeng.cli import (  # noqa: E402
    announcements,
    approvals,
    audit,
    devices,
    doctor,
    enrol,
    exporting,
    files,
    messages,
    offboarding,
    people,
    polls,
    roster,
    searching,
    staff,
    ui,
    units,
)
from mifeng.cli.hardening import keep_memory_off_the_disk  # noqa: E402
from mifeng.cli.options import Options, hoist  # noqa: E402
from mifeng.text import _  # noqa: E402

__all__ = ["app", "main"]


class Remembering(TyperGroup):
    """Keeps the whole command line, so that it can be handed over."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **others: Any) -> Any:  # noqa: ANN401
        return super().main(args, *more, obj=tuple(args or ()), **others)


app = typer.Typer(
    name="mifeng",
    cls=Remembering,
    help=_("Sealed conversations and files for a company, on its own server."),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _all_commands(
    context: typer.Context,
    profile: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help=_("The profile's folder; else MIFENG_PROFILE, else the usual place."),
        ),
    ] = None,
    passphrase_fd: Annotated[
        int | None,
        typer.Option(
            metavar="N", help=_("Read the profile's passphrase from this file descriptor.")
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help=_("Print JSON, one object a line."))] = False,
    lang: Annotated[
        str | None,
        typer.Option(metavar="en|zh_CN", help=_("The language; else MIFENG_LANG, else LANG.")),
    ] = None,
) -> None:
    del lang  # read before all else, by `use_from`
    context.obj = Options(
        profile=profile, passphrase_fd=passphrase_fd, json=json, words=context.obj or ()
    )


enrol.add_to(app)
people.add_to(app)
devices.add_to(app)
roster.add_to(app)
staff.add_to(app)
offboarding.add_to(app)
units.add_to(app)
messages.add_to(app)
announcements.add_to(app)
searching.add_to(app)
exporting.add_to(app)
polls.add_to(app)
approvals.add_to(app)
files.add_to(app)
audit.add_to(app)
doctor.add_to(app)
ui.add_to(app)


def main() -> None:
    """The entry point. Without a word, before a screen, it opens the page."""
    keep_memory_off_the_disk()
    words = sys.argv[1:]
    if not words and ui.is_desktop():
        words = ["ui"]
    app(args=hoist(words))


if __name__ == "__main__":
    main()
