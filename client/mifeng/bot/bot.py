"""`mifeng.Bot`: say what is to be done with what is said, and run it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mifeng.bot.filters import Filter, calls_me, has_file
from mifeng.bot.happening import Happening
from mifeng.bot.reading import Reading
from mifeng.core.events import NewEntry, UnitJoined
from mifeng.keychain import Passphrase
from mifeng.sdk import Message, Unit, Workspace, unlock
from mifeng.session.live import Listener
from mifeng_crypto.errors import MifengError, TransportError, UsageError
from mifeng_crypto.ids import UnitId

__all__ = ["Bot"]

log = logging.getLogger("mifeng.bot")

Handler = Callable[[Happening], Awaitable[object]]
GRACE_S = 10.0
"""How long a handler may go on when the bot is told to stop."""
PAGE = 100


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A handler, and what it wants; `commands`: only these, in lower case."""

    act: Handler
    wants: Filter | None
    commands: tuple[str, ...] = ()

    def takes(self, happening: Happening) -> Happening | None:
        """What the handler is given, if it wants this."""
        if self.commands:
            first, *words = happening.text.split() or [""]
            if not first.startswith("/") or first[1:].lower() not in self.commands:
                return None
            happening = replace(happening, words=tuple(words))
        return happening if self.wants is None or self.wants(happening) else None


class Bot:
    """A member that is a program.

        bot = mifeng.Bot("~/.mifeng-bot")

        @bot.on_command("ping")
        async def ping(it: mifeng.Happening) -> None:
            await it.reply("pong")

        bot.run()

    Its profile is made like anybody's, as one of kind `bot`: `mifeng join LINK --kind bot`. What it
    says itself, and what other bots say, reaches no handler. Messages of a unit are handled one
    after the other, in the order of its log, those of several units side by side. How far it has
    come is kept with the profile: what is said while it does not run is handled when it does
    again, unless it has expired by then. If the process is killed in the middle of a message, that
    message is handled once more (`Happening.is_again`). A handler that raises is logged to the
    logger `mifeng.bot`, by its name and the error's, without a word of the message; the bot goes
    on with the next one.
    """

    def __init__(self, profile: str | Path, *, passphrase: str | Passphrase | None = None) -> None:
        """Describe a bot.

        Args:
            profile: its folder.
            passphrase: what opens it; None for the operating system's keyring.
        """
        self._profile = Path(profile).expanduser()
        self._passphrase = passphrase
        self._wanted: list[_Wanted] = []
        self._stopping: asyncio.Event | None = None

    # -------------------------------------------------------------- handlers

    def on_message(self, wants: Filter | None = None) -> Callable[[Handler], Handler]:
        """Call this for every message, or for those that pass a filter."""
        return self._on(wants)

    def on_command(self, *names: str, wants: Filter | None = None) -> Callable[[Handler], Handler]:
        """Call this for a message that begins with `/NAME`; `Happening.words` is what follows.

        Raises:
            UsageError: no name, or one with a space in it.
        """
        if not names or any(len(name.removeprefix("/").split()) != 1 for name in names):
            raise UsageError("a command has a name of one word; give one")
        return self._on(wants, tuple(name.removeprefix("/").lower() for name in names))

    def on_file(self, wants: Filter | None = None) -> Callable[[Handler], Handler]:
        """Call this for a message that shows files."""
        return self._on(has_file if wants is None else has_file & wants)

    def on_mention(self, wants: Filter | None = None) -> Callable[[Handler], Handler]:
        """Call this for a message that calls this bot, by name, role or with everybody."""
        return self._on(calls_me if wants is None else calls_me & wants)

    def _on(
        self, wants: Filter | None, commands: tuple[str, ...] = ()
    ) -> Callable[[Handler], Handler]:
        def register(act: Handler) -> Handler:
            self._wanted.append(_Wanted(act, wants, commands))
            return act

        return register

    # -------------------------------------------------------------- running

    def run(self) -> None:
        """Run until SIGTERM or SIGINT (Ctrl-C); a message that is in hand is finished first.

        Raises:
            MifengError: the profile does not open, or the server lets this device in no longer.
        """
        asyncio.run(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            await self.serve()
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """Let `run` or `serve` end once what is in hand is finished."""
        if self._stopping is not None:
            self._stopping.set()

    async def serve(self) -> None:
        """Open the profile and do as `run`, without a word about signals.

        While it runs, commands on its profile (`mifeng --profile DIR send ...`) are done by it.

        Raises:
            MifengError: as `run`.
        """
        from mifeng.cli.lent import lending  # noqa: PLC0415 - a tenth of a second

        self._stopping = asyncio.Event()
        async with (
            unlock(self._profile, passphrase=self._passphrase) as me,
            lending(self._profile, me),
            self.on(me) as running,
        ):
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait({stopping, running}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if running.done():
                running.result()

    @contextlib.asynccontextmanager
    async def on(self, me: Workspace) -> AsyncGenerator[asyncio.Task[None], None]:
        """Run on a profile that is open already, while this is entered; for tests, and programs.

        It is entered once the bot is caught up and hears what comes next.

        Yields:
            The task that runs, which ends by an error only.

        Raises:
            MifengError: the server lets this device in no longer.
        """
        with me.events() as events:
            await _online(me)
            floor = _Floor(me, self._wanted, from_now=not await Reading.has_begun(me))
            await floor.open_all()
            running = asyncio.create_task(floor.follow(events))
            try:
                yield running
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                await floor.close()


async def _online(me: Workspace) -> None:
    """Wait until the line is up; the line itself dials again and again."""
    await me.live()
    with contextlib.suppress(TransportError):  # then it is sent once the line is up again
        await me.sync()


class _Floor:
    """A reader for each unit, so that a slow handler holds up only its own."""

    def __init__(self, me: Workspace, wanted: list[_Wanted], *, from_now: bool) -> None:
        self._me, self._wanted, self._from_now = me, wanted, from_now
        self._readers: dict[UnitId, asyncio.Task[None]] = {}
        self._news: dict[UnitId, asyncio.Event] = {}
        self._ending = asyncio.Event()

    async def open_all(self) -> None:
        """Begin to read all units."""
        for unit in self._me.units():
            await self._open(unit, from_now=self._from_now)

    async def _open(self, unit: Unit, *, from_now: bool) -> None:
        if unit.id in self._readers or not unit.is_member:
            return
        reading = await Reading.of(self._me, unit, from_now=from_now)
        self._news[unit.id] = asyncio.Event()
        self._readers[unit.id] = asyncio.create_task(self._read(reading))

    async def follow(self, events: Listener) -> None:
        """Wake the readers of what has news."""
        async for event in events:
            if isinstance(event, UnitJoined):
                await self._open(self._me.unit(event.unit_id.hex()), from_now=False)
            elif isinstance(event, NewEntry) and event.unit_id in self._news:
                self._news[event.unit_id].set()

    async def close(self) -> None:
        """Let each reader finish what it has in hand, for a while."""
        self._ending.set()
        for news in self._news.values():
            news.set()
        if self._readers:
            _, late = await asyncio.wait(self._readers.values(), timeout=GRACE_S)
            for task in late:
                log.warning("a handler did not end in time, and is cut off")
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _read(self, reading: Reading) -> None:
        news = self._news[reading.unit.id]
        while not self._ending.is_set():
            news.clear()
            page = await reading.unit.timeline(after=reading.done, first=PAGE)
            for message in page:
                if self._ending.is_set():
                    return
                await self._take(message, reading)
            if not page:
                await news.wait()

    async def _take(self, message: Message, reading: Reading) -> None:
        calls = [*self._calls(message, reading.unit)]
        if calls:
            is_again = await reading.begin(message.sequence)
            for act, happening in calls:
                await _call(act, replace(happening, is_again=is_again))
        await reading.finish(message.sequence)

    def _calls(self, message: Message, unit: Unit) -> Iterator[tuple[Handler, Happening]]:
        sender = message.sender
        said = message.kind == "message" and not (message.problem or message.is_deleted)
        if not said or sender is None or message.is_mine or sender.is_bot:
            return
        happening = Happening(me=self._me, unit=unit, message=message, sender=sender)
        for wanted in self._wanted:
            try:
                taken = wanted.takes(happening)
            except Exception as err:  # noqa: BLE001 - a filter is its user's, as a handler is
                _report(wanted.act, err)
                continue
            if taken is not None:
                yield wanted.act, taken


async def _call(act: Handler, happening: Happening) -> None:
    try:
        await act(happening)
    except Exception as err:  # noqa: BLE001 - a handler is its user's: the bot goes on
        _report(act, err)


def _report(act: Handler, err: Exception) -> None:
    """Log what failed, and where; an error's own words may quote what somebody has said."""
    frame = err.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "?"
    name = getattr(act, "__qualname__", type(act).__qualname__)
    said = f" ({err.rule})" if isinstance(err, MifengError) and hasattr(err, "rule") else ""
    log.error("the handler %s raised %s%s at %s", name, type(err).__name__, said, where)
