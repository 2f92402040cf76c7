"""What a command is here: explained on a page, and refused in one line, in the operator's language.

typer parses; the help and the errors that it would print are English, whatever the reader speaks.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from mifeng_server.text import _

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["STORAGE", "USAGE", "App"]

USAGE = 2
STORAGE = 6
INDENT = (0, 0, 0, 2)


class App(typer.Typer):
    """A set of commands; all of the kinds below."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - as typer's
        super().__init__(cls=Group, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:  # noqa: ANN401
        """Declare a command."""
        return super().command(name, cls=Command, **settings)


class Command(TyperCommand):
    """One command."""

    def format_help(self, ctx: Any, formatter: object) -> None:  # noqa: ANN401 - typer's own
        """Print its page."""
        del formatter
        _print_page(self, ctx)


class Group(TyperGroup):
    """All of them."""

    def format_help(self, ctx: Any, formatter: object) -> None:  # noqa: ANN401 - typer's own
        """Print their page."""
        del formatter
        _print_page(self, ctx)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **others: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Run a command line, and end the process with its exit code."""
        del standalone_mode
        try:
            code = super().main(
                args,
                prog_name,
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **others,
            )
        except typer.TyperException as err:
            sys.exit(_refused(err))
        except OSError as err:  # of printing: a command says by itself what it could not do
            sys.exit(_unprinted(err))
        except typer.Abort:
            typer.echo(_("Aborted."), err=True)
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)


def _refused(err: typer.TyperException) -> int:
    """Say what is wrong with a command line; return the exit code."""
    if type(err).__name__ == "NoArgsIsHelpError":  # its page has been printed
        return USAGE
    typer.echo(_("Error: {message}").format(message=_told(err)), err=True)
    context = getattr(err, "ctx", None)
    if context is not None:
        typer.echo(_("See `{command} --help`.").format(command=context.command_path), err=True)
    return USAGE


def _unprinted(err: OSError) -> int:
    """Say why the output could not be written; return the exit code."""
    with contextlib.suppress(OSError):
        sys.stdout.close()  # or Python would try once more, and complain
    if isinstance(err, BrokenPipeError):  # whoever read it has seen enough
        return 0
    reason = _("the output cannot be written: {reason}").format(reason=err.strerror)
    typer.echo(_("Error: {message}").format(message=reason), err=True)
    return STORAGE


def _told(err: Any) -> str:  # noqa: ANN401 - typer does not export its errors' types
    """Say in the reader's language what typer says in English."""
    param, english = getattr(err, "param", None), str(err.format_message())
    match type(err).__name__:
        case "MissingParameter" if param is not None:
            return _("{name} is missing").format(name=_name_of(param))
        case "BadParameter" if param is not None:
            return _("{name} takes {what}").format(name=_name_of(param), what=_takes(param))
        case "BadParameter":  # our own, which says all
            return str(err.message)
        case "BadOptionUsage" if "not take" in english:
            return _("{name} takes no value").format(name=err.option_name)
        case "BadOptionUsage":
            return _("{name} takes a value").format(name=err.option_name)
        case "NoSuchOption":
            said = _("there is no option {name}").format(name=err.option_name)
            near = ", ".join(sorted(err.possibilities or ()))
            return said + (_("; there is {names}").format(names=near) if near else "")
        case "UsageError" if english.startswith("Got unexpected extra"):
            much = english.partition(" (")[2].removesuffix(")").removeprefix("s) (")
            return _("this is too much: {words}").format(words=much)
    return english


def _print_page(command: Any, context: Any) -> None:  # noqa: ANN401 - typer's own
    """Print all that there is to say about a command."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(highlight=False)
    params = command.get_params(context)
    arguments = [p for p in params if p.param_type_name == "argument"]
    options = [p for p in params if p.param_type_name != "argument" and not p.hidden]
    inner = getattr(command, "commands", {})
    words = [context.command_path, *map(_name_of, arguments)]
    words += [_("COMMAND ...")] if inner else []
    words += [_("[OPTIONS]")] if options else []
    console.print(Text.assemble((_("Usage:"), "bold"), " ", " ".join(words)), soft_wrap=True)
    console.print()
    console.print(Padding(Text(command.help or ""), INDENT, expand=False))
    _print_rows(console, _("Commands"), ((one.name, one.help or "") for one in inner.values()))
    _print_rows(console, _("Arguments"), ((_name_of(p), _explained(p)) for p in arguments))
    _print_rows(console, _("Options"), ((_spelled(p), _explained(p)) for p in options))


def _print_rows(console: Console, title: str, rows: Iterable[tuple[str, str]]) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, max_width=34)
    table.add_column(overflow="fold")
    for name, told in rows:
        table.add_row(Text(name, "cyan"), Text(told))
    if table.row_count:
        console.print()
        console.print(Text(title, "bold"))
        console.print(Padding(table, INDENT, expand=False))


def _name_of(param: Any) -> str:  # noqa: ANN401
    """How a parameter is called: `BACKUP`, `--data`."""
    if param.param_type_name == "argument":
        return str(param.metavar or param.name.upper())
    return str(max(param.opts, key=len))


def _kind(param: Any) -> str:  # noqa: ANN401
    """What stands behind an option."""
    return str(param.metavar or "TEXT")


def _takes(param: Any) -> str:  # noqa: ANN401
    """What a parameter takes, for somebody who gave something else."""
    if "int" not in str(param.type_descriptor.annotation):
        return _kind(param)
    return _("a whole number from {least} to {most}").format(least=param.min, most=param.max)


def _spelled(param: Any) -> str:  # noqa: ANN401
    names = ", ".join(sorted(param.opts, key=len))
    return names if param.is_flag else f"{names} {_kind(param)}"


def _explained(param: Any) -> str:  # noqa: ANN401
    """The words of typer's own options are English."""
    own = {
        "help": _("Show this page."),
        "install_completion": _("Install completion for this shell."),
        "show_completion": _("Show completion for this shell, to copy it."),
    }
    told = own.get(str(param.name), param.help or "")
    if param.envvar:
        told += _(" Else {variable}.").format(variable=param.envvar)
    return told
