"""The page of a command: usage, what it does, what it takes, and how people use it.

Names, kinds and defaults come from the declaration of the command; the prose and the examples
from the manual.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mifeng.cli.manual import page_of
from mifeng.text import _, language_in_use

__all__ = ["name_of", "print_page", "takes"]

INDENT = (0, 0, 0, 2)


def print_page(command: Any, context: Any) -> None:  # noqa: ANN401 - typer's own
    """Print all that there is to say about a command."""
    console = Console(highlight=False)
    arguments = [p for p in command.get_params(context) if _is_argument(p)]
    options = [p for p in command.get_params(context) if not _is_argument(p) and not p.hidden]
    inner = getattr(command, "commands", {})
    words = [context.command_path, *(_in_usage(one) for one in arguments)]
    words += [_("COMMAND ...")] if inner else []
    words += [_("[OPTIONS]")] if options else []
    console.print(Text.assemble((_("Usage:"), "bold"), " ", " ".join(words)), soft_wrap=True)
    console.print()
    console.print(Padding(Text(command.help or ""), INDENT, expand=False))
    page = page_of(context.command_path.split(" ")[1:], language_in_use())
    for paragraph in page.prose:
        console.print()
        console.print(Padding(Text(paragraph), INDENT, expand=False))
    panels: dict[str, list[tuple[str, str]]] = {}
    for one in inner.values():
        title = getattr(one, "rich_help_panel", None) or _("Commands")
        panels.setdefault(title, []).append((one.name, one.help or ""))
    for title, rows in panels.items():
        _print_rows(console, title, rows)
    _print_rows(console, _("Arguments"), ((_in_usage(p), _explained(p)) for p in arguments))
    _print_rows(console, _("Options"), ((_spelled(p), _explained(p)) for p in options))
    if page.examples:
        console.print()
        console.print(Text(_("Examples"), "bold"))
        for line in page.examples:
            console.print(Text.assemble("    ", (line, "cyan")), soft_wrap=True)


def _print_rows(console: Console, title: str, rows: Iterable[tuple[str, str]]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, max_width=34)
    table.add_column(overflow="fold")
    for name, told in rows:
        table.add_row(Text(name, "cyan"), Text(told))
    if table.row_count:
        console.print()
        console.print(Text(title, "bold"))
        console.print(Padding(table, INDENT, expand=False))


def _is_argument(param: Any) -> bool:  # noqa: ANN401
    return str(param.param_type_name) == "argument"


def _in_usage(param: Any) -> str:  # noqa: ANN401
    name = name_of(param) + ("..." if param.nargs == -1 and "..." not in name_of(param) else "")
    return name if param.required else f"[{name}]"


def name_of(param: Any) -> str:  # noqa: ANN401
    """How a parameter is called: `UNIT`, `--last`."""
    if _is_argument(param):
        return str(param.metavar or param.name.upper())
    return str(max(param.opts, key=len))


def _spelled(param: Any) -> str:  # noqa: ANN401
    names = ", ".join(sorted(param.opts, key=len))
    return names if param.is_flag else f"{names} {_kind(param)}"


def _kind(param: Any) -> str:  # noqa: ANN401
    """What stands behind an option."""
    declared = param.type_descriptor
    if param.metavar:
        return str(param.metavar)
    if declared.choices:
        return "|".join(str(one.value) for one in declared.choices)
    annotation = str(declared.annotation)
    if "Path" in annotation:
        return "FILE"
    return "N" if "int" in annotation else "TEXT"


def takes(param: Any) -> str:  # noqa: ANN401
    """What a parameter takes, for somebody who gave something else."""
    declared = param.type_descriptor
    if declared.choices:
        return _("one of {choices}").format(
            choices=", ".join(str(one.value) for one in declared.choices)
        )
    if "int" not in str(declared.annotation):
        return name_of(param) if _is_argument(param) else _kind(param)
    least, most = param.min, param.max
    if least is not None and most is not None:
        return _("a whole number from {least} to {most}").format(least=least, most=most)
    if least is not None:
        return _("a whole number from {least} on").format(least=least)
    return _("a whole number")


def _explained(param: Any) -> str:  # noqa: ANN401
    """What is said of a parameter, and what it is if nobody says anything."""
    ours = {
        "--help": _("Show this page."),
        "--install-completion": _("Let your shell complete commands and options."),
        "--show-completion": _("Show what does that, to be put where your shell looks for it."),
    }
    told = ours.get(name_of(param)) or str(param.help or "")
    default = param.default
    if isinstance(default, enum.Enum):
        default = default.value
    if isinstance(default, bool) or default in {None, "", ()} or callable(default):
        return told
    shown = str(default) if isinstance(default, str | int | float | Path) else ""
    return f"{told} {_('[default: {value}]').format(value=shown)}" if shown else told
