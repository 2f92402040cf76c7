"""How the play looks: a numbered step, who does what and sees what, and what the server stored."""

from __future__ import annotations

import time

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from demo.people import Person

__all__ = ["Screen"]


class Screen:
    """Prints the steps."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self._began = time.monotonic()
        self._step = 0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the play began."""
        return time.monotonic() - self._began

    def title(self, people: list[Person], server: str) -> None:
        """Say what is about to be seen."""
        names = Text(", ").join(
            Text(person.name, style=f"bold {person.colour}") for person in people
        )
        lines = Text.assemble(
            names, "\none server, four clients: each line is a real `mifeng` process\n",
            (server, "dim"),
        )  # fmt: skip
        self.console.print(Panel(lines, title="密封  Mifeng", border_style="yellow", expand=False))

    def step(self, people: list[Person], sees: str, stored: str) -> None:
        """Print one step: a line of what people see, a line of what the server stored."""
        self._step += 1
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=3, justify="right", style="dim")
        grid.add_column(width=8, style="dim")
        grid.add_column(overflow="fold")
        who = Text(", ").join(Text(person.name, style=f"bold {person.colour}") for person in people)
        grid.add_row(str(self._step), f"{self.elapsed_s:6.1f} s", Text.assemble(who, " ", sees))
        grid.add_row("", "server", Text(stored or "stored nothing", style="dim cyan"))
        self.console.print(grid)

    def note(self, text: str, style: str = "") -> None:
        """Print a line of its own."""
        self.console.print(Text(text, style=style))

    def commands(self, heading: str, commands: list[str]) -> None:
        """Print commands to copy, each whole on its line."""
        self.console.print(Text(heading, style="bold"))
        for command in commands:
            self.console.print(Text("  " + command), soft_wrap=True)
