"""All commands of `mifeng`, and the options that they have in common.

Only what parses words is loaded here; each command loads what it needs when it runs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from mifeng import text

# Help texts are written when the commands are declared: the language comes first.
text.use_from(sys.argv)

import typer  # noqa: E402

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
    outbox,
    people,
    polls,
    roster,
    searching,
    staff,
    ui,
    units,
)
from mifeng.cli.command import App  # noqa: E402
from mifeng.cli.options import Options  # noqa: E402
from mifeng.text import _  # noqa: E402

__all__ = ["app"]


app = App(
    name="mifeng",
    help=_("Sealed conversations and files for a company, on its own server."),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(*, asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"mifeng {version('mifeng')}")
        raise typer.Exit


@app.callback()
def _all_commands(  # noqa: PLR0917 - typer names them all
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
    version: Annotated[  # noqa: ARG001 - typer asks `_say_version`
        bool,
        typer.Option(
            "--version",
            callback=lambda asked: _say_version(asked=asked),
            is_eager=True,
            help=_("Print the version."),
        ),
    ] = False,
) -> None:
    del lang  # read before all else, by `use_from`
    context.obj = Options(
        profile=profile, passphrase_fd=passphrase_fd, json=json, words=context.obj or ()
    )


# In the order in which the help shows them.
_PANELS = (
    (_("Coming in"), (enrol, devices)),
    (_("Talking"), (messages, outbox, searching)),
    (_("Announcements, polls, approvals"), (announcements, polls, approvals)),
    (_("Files"), (files, exporting)),
    (_("Units"), (units,)),
    (_("People and the workspace"), (people, roster, staff, offboarding)),
    (_("Checking"), (audit, doctor)),
    (_("The screen"), (ui,)),
)
for _title, _rooms in _PANELS:
    _commands, _groups = len(app.registered_commands), len(app.registered_groups)
    for _room in _rooms:
        _room.add_to(app)
    for _command in app.registered_commands[_commands:]:
        _command.rich_help_panel = _title
    for _group in app.registered_groups[_groups:]:
        _group.rich_help_panel = _title
