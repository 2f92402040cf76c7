"""Open the workspace in the browser: what the page needs first is loaded first."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mifeng.cli.options import Options
from mifeng.text import _

if TYPE_CHECKING:
    from mifeng import Workspace
    from mifeng.home import Home
    from mifeng.web.house import House
    from mifeng.web.porch import Porch

__all__ = ["Opening", "is_desktop", "opening_in", "serve"]

TURN_S = 0.0005
"""How long loading goes on before the profile or the page gets its turn."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What is to be opened: whose profile, with which link, in a window at once or not."""

    told: Options
    link: str = ""
    window: bool = True


def is_desktop() -> bool:
    """Whether somebody sits before a screen: then `mifeng` alone opens the page."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) or (
        sys.platform == "darwin" and sys.stdout.isatty()
    )


def opening_in(words: Sequence[str]) -> Opening | None:
    """Return what a line asks for that says `ui`, perhaps a link, and nothing that needs a word.

    Args:
        words: with the options of all commands in front.
    """
    given, rest = dict[str, str](), list(words)
    while len(rest) > 1 and rest[0] in ("--profile", "--passphrase-fd", "--lang"):
        given[rest[0]], rest = rest[1], rest[2:]
    links = [word for word in rest[1:] if word != "--no-window"]
    is_plain = rest[:1] == ["ui"] and len(links) <= 1 and len(rest) <= len(links) + 2
    number = given.get("--passphrase-fd", "0")
    if not (is_plain and number.isdecimal() and all(one.startswith("mifeng:") for one in links)):
        return None
    told = Options(
        profile=Path(given["--profile"]) if "--profile" in given else None,
        passphrase_fd=int(number) if "--passphrase-fd" in given else None,
        words=words,
    )
    return Opening(told, "".join(links), window="--no-window" not in rest)


async def serve(opening: Opening) -> None:
    """Serve the page until told to end; or hand that over to the process that does so already.

    Raises:
        MifengError: the profile whose passphrase was given does not open, or the disk refuses.
    """
    from mifeng.handover.place import runtime_folder
    from mifeng.web.running import Wish, handed_over, taking_wishes

    runtime = runtime_folder()
    told = opening.told
    wish = Wish(str(told.folder.absolute()), opening.link, opening.window)
    if await handed_over(runtime, wish):
        return
    gc.disable()  # what is loaded now stays: nobody need look through it, now or later
    async with AsyncExitStack() as stack:
        # Side by side: what a passphrase costs, the browser with its page, and loading the rest.
        early = _Early(told)
        stack.push_async_callback(early.close)
        await asyncio.sleep(0)  # it is under way before anything else is loaded
        await asyncio.to_thread(_load_page)
        from mifeng.web.browser import open_page
        from mifeng.web.porch import porch

        entrance = await stack.enter_async_context(porch())

        async def fulfil(wish: Wish) -> None:
            if not wish.window:
                return
            entrance.wish = wish
            path, opened = await open_page(entrance, runtime)
            if not opened:
                note = _("Open this file in your browser, within a minute: {path}")
                sys.stdout.write(note.format(path=path) + "\n")
                sys.stdout.flush()

        await stack.enter_async_context(taking_wishes(runtime, fulfil))
        first = asyncio.create_task(fulfil(wish))
        await asyncio.to_thread(_load_rest)
        gc.freeze()
        gc.enable()
        house = await stack.enter_async_context(_furnished(told, entrance, early))
        from mifeng.web.bell import bell

        rings = await stack.enter_async_context(bell(lambda: fulfil(Wish(wish.profile))))
        house.on_unseen.append(rings)
        await first
        sys.stderr.write(_("The page is open until you stop this with Ctrl-C.") + "\n")
        await _until_told_to_end()


@contextlib.asynccontextmanager
async def _furnished(told: Options, entrance: Porch, early: _Early) -> AsyncIterator[House]:
    """Answer the page; open at once what needs no passphrase that has still to be asked for."""
    import platformdirs

    from mifeng.cli.lent import lending
    from mifeng.web.server import furnished

    config = Path(platformdirs.user_config_dir("mifeng", appauthor=False)) / "ui.json"
    async with furnished(entrance, [told.folder], config, lending=lending) as shown:
        first, *others = shown.house.keepers.values()
        for keeper in others:
            shown.house.errand(keeper.open_unasked())
        if told.passphrase_fd is None:
            await first.open_unasked(early.workspace())
        elif first.exists:
            await first.take(early.workspace(), needs_passphrase=True)
        yield shown.house


def _load_page() -> None:
    with _giving_turns():
        import mifeng.web.browser  # noqa: F401


def _load_rest() -> None:
    with _giving_turns():
        import mifeng.cli.lent
        import mifeng.web.server  # noqa: F401


@contextlib.contextmanager
def _giving_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class _Early:
    """The profile's files, being unlocked beside all else; `workspace` takes them over."""

    def __init__(self, told: Options) -> None:
        self._home: asyncio.Task[Home | None] | None = asyncio.create_task(_unlock(told))

    @contextlib.asynccontextmanager
    async def workspace(self) -> AsyncIterator[Workspace]:
        """Read the profile."""
        from mifeng.sdk.opening import unlocked

        assert self._home is not None, "it is taken over once"
        unlocking, self._home = self._home, None
        home = await unlocking
        assert home is not None, "the caller has looked whether it opens so"
        async with unlocked(home) as me:
            yield me

    async def close(self) -> None:
        """Let go of what nobody has taken over."""
        if self._home is None:
            return
        self._home.cancel()
        (home,) = await asyncio.gather(self._home, return_exceptions=True)
        if home is not None and not isinstance(home, BaseException):
            await home.close()


async def _unlock(told: Options) -> Home | None:
    """Open at once what needs no passphrase, or whose passphrase came by a file descriptor."""
    from mifeng.cli.options import passphrase_for
    from mifeng.home import Home, needs_passphrase
    from mifeng.keychain import source_of

    word = None
    if told.passphrase_fd is not None:
        word = await asyncio.to_thread(passphrase_for, told, new=False)
    if not (told.folder / "profile.db").exists():
        return None
    if word is None and await needs_passphrase(told.folder):
        return None
    return await Home.open(told.folder, source_of(word), rng=os.urandom)


async def _until_told_to_end() -> None:
    """Ctrl-C ends by itself; an end of the session has to be asked for."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()
