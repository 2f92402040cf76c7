"""Post each file that is put into a folder: drop_folder.py PROFILE UNIT FOLDER.

It needs `pip install watchfiles`.

What was posted is moved to the folder `posted` in it, so that a restart posts nothing twice. Write
a file under a name that begins with a dot and rename it when it is whole.
"""

import argparse
import asyncio
from pathlib import Path

import watchfiles

import mifeng


async def watch(unit: mifeng.Unit, folder: Path, stop: asyncio.Event | None = None) -> None:
    """Post what is there, then what comes."""
    (folder / "posted").mkdir(exist_ok=True)
    watching = watchfiles.awatch(folder, stop_event=stop, recursive=False, yield_on_timeout=True)
    await post_all(unit, folder)
    async for _ in watching:
        await post_all(unit, folder)


async def post_all(unit: mifeng.Unit, folder: Path) -> None:
    """Post what is there, oldest first."""
    files = [path for path in folder.iterdir() if path.is_file() and path.name[0] != "."]
    for path in sorted(files, key=lambda path: path.stat().st_mtime):
        await unit.upload(path)
        path.rename(folder / "posted" / path.name)


async def run(told: argparse.Namespace, passphrase: str | None) -> None:
    """Open the profile and watch."""
    async with mifeng.open(told.profile, passphrase=passphrase) as me:
        await watch(me.unit(told.unit), told.folder)


def main() -> None:
    """Watch until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile")
    parser.add_argument("unit")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--passphrase-fd", type=int)
    told = parser.parse_args()
    passphrase = mifeng.read_passphrase(told.passphrase_fd)
    asyncio.run(run(told, passphrase))


if __name__ == "__main__":
    main()
