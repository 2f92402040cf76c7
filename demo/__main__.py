"""`python -m demo [--keep]`: play the demo; see the package's docstring."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from demo.people import Person, PlayError
from demo.screen import Screen
from demo.server import serve_on
from demo.stage import stage
from demo.story import UNIT, Play, cast


async def play(folder: Path) -> tuple[Screen, list[Person]]:
    """Play in `folder`, with everything stopped in the end."""
    screen = Screen()
    people = cast(folder / "people")
    async with stage(folder) as there:
        await Play(there, people, screen).run()
    return screen, people


def keep(folder: Path, screen: Screen, people: list[Person]) -> None:
    """Start the server once more, on its own, and say how to go on by hand."""
    pid = serve_on(folder)
    commands = []
    for person in people[:3]:
        secret = person.home / "passphrase"
        secret.touch(mode=0o600)
        secret.write_text(person.passphrase + "\n")
        options = f"--profile '{person.profile}' --passphrase-fd 3"
        commands.append(f"mifeng {options} tail '{UNIT}' 3<'{secret}'   # as {person.name}")
    first = people[0]
    options = f"--profile '{first.profile}' --passphrase-fd 3"
    commands.append(f"mifeng {options} send '{UNIT}' 'Hello' 3<'{first.home / 'passphrase'}'")
    commands.append(f"mifeng {options} invite 3<'{first.home / 'passphrase'}'")
    screen.commands(f"\nThe server goes on (process {pid}). Go on by hand:", [
        f"export PATH='{Path(sys.executable).parent}':$PATH", *commands,
        f"kill {pid}; sleep 2; rm -r '{folder}'   # stop and forget",
    ])  # fmt: skip


def main() -> int:
    """Play; 0 when everything went as told and no plaintext was found."""
    parser = argparse.ArgumentParser(prog="demo", description="Play the demo.")
    parser.add_argument("--keep", action="store_true", help="leave the server running")
    told = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mifeng-demo-"))
    # Else two dozen processes compile the same sources again and again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        screen, people = asyncio.run(play(folder))
        if told.keep:
            keep(folder, screen, people)
        screen.note(f"Done in {screen.elapsed_s:.0f} s.", "dim")
    except (PlayError, subprocess.SubprocessError) as err:
        print(f"\nThe demo failed. {err}\nWhat is left of it: {folder}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        return 130
    if not told.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
