"""What a command is here: explained like a page of a manual, and refused in one line.

typer parses; the help and the errors that it would print are English, whatever the reader speaks.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from mifeng.text import _

__all__ = ["App", "Command", "Group"]

USAGE = 2
STORAGE = 6


class Command(TyperCommand):
    """One command."""

    def format_help(self, ctx: Any, formatter: object) -> None:  # noqa: ANN401 - typer's own
        """Print its page."""
        from mifeng.cli.help import print_page

        del formatter
        print_page(self, ctx)


class Group(TyperGroup):
    """Commands that belong together, or all of them."""

    def format_help(self, ctx: Any, formatter: object) -> None:  # noqa: ANN401 - typer's own
        """Print its page, with the commands in it."""
        from mifeng.cli.help import print_page

        del formatter
        print_page(self, ctx)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **others: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Run a command line, which is kept as it is, so that it can be handed over."""
        words = tuple(args or ())
        run = functools.partial(
            super().main,
            args,
            prog_name,
            complete_var,
            standalone_mode=False,
            windows_expand_args=windows_expand_args,
            obj=words,
            **others,
        )
        if not standalone_mode:
            return run()
        try:
            code = run()
        except typer.TyperException as err:
            sys.exit(_refused(err, as_json="--json" in words))
        except OSError as err:  # of printing a page: a command says by itself what it could not do
            sys.exit(_unprinted(err))
        except typer.Abort:
            typer.echo(_("Aborted."), err=True)
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)


class App(typer.Typer):
    """A set of commands; all of the above kinds."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - as typer's
        super().__init__(cls=Group, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:  # noqa: ANN401
        """Declare a command."""
        return super().command(name, cls=Command, **settings)


def _refused(err: typer.TyperException, *, as_json: bool) -> int:
    """Say what is wrong with a command line; return the exit code."""
    if type(err).__name__ == "NoArgsIsHelpError":  # its page has been printed
        return USAGE
    message, context = _told(err), getattr(err, "ctx", None)
    if as_json:
        told = {"error": "UsageError", "message": message, "exit_code": USAGE}
        typer.echo(json.dumps(told, ensure_ascii=False), err=True)
        return USAGE
    typer.echo(_("Error: {message}").format(message=message), err=True)
    if context is not None:
        typer.echo(_("See `{command} --help`.").format(command=context.command_path), err=True)
    return USAGE


def _unprinted(err: OSError) -> int:
    """Say why the output could not be written; return the exit code."""
    with contextlib.suppress(OSError):
        sys.stdout.close()  # or Python would try once more, and complain
    if isinstance(err, BrokenPipeError):  # whoever read it has seen enough
        return 0
    reason = _("the system refused: {reason}").format(reason=err.strerror)
    typer.echo(_("Error: {message}").format(message=reason), err=True)
    return STORAGE


def _told(err: Any) -> str:  # noqa: ANN401 - typer does not export its errors' types
    """Say in the reader's language what typer says in English."""
    from mifeng.cli.help import name_of, takes

    param, english = getattr(err, "param", None), str(err.format_message())
    match type(err).__name__:
        case "MissingParameter" if param is not None:
            return _("{name} is missing").format(name=name_of(param))
        case "BadParameter" if param is not None:
            return _("{name} takes {what}").format(name=name_of(param), what=takes(param))
        case "BadOptionUsage" if "not take" in english:
            return _("{name} takes no value").format(name=err.option_name)
        case "BadOptionUsage":
            return _("{name} takes a value").format(name=err.option_name)
        case "NoSuchOption":
            said = _("there is no option {name}").format(name=err.option_name)
            near = ", ".join(sorted(err.possibilities or ()))
            return said + (_("; there is {names}").format(names=near) if near else "")
        case "UsageError" if english.startswith("Got unexpected extra"):
            much = english.partition("(s) (")[2].removesuffix(")")
            return _("this is too much: {words}; put a text of several words into quotes").format(
                words=much
            )
    return english
