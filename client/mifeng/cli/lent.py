"""Do here, on the profile that is open here, what another process was told to do."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import logging
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mifeng.cli.options import LENT, Lent
from mifeng.cli.routed import Routed, Sink, Source
from mifeng.handover import Call, Caller, lend, unpack
from mifeng.handover.frames import Frame
from mifeng.text import speaking
from mifeng_crypto.errors import StorageError

if TYPE_CHECKING:
    import typer

    from mifeng import Workspace

__all__ = ["lending"]

log = logging.getLogger("mifeng.handover")
_ways: ContextVar[dict[str, io.TextIOBase] | None] = ContextVar("_ways", default=None)
_STREAMS = ("stdin", "stdout", "stderr")


@contextlib.asynccontextmanager
async def lending(profile: Path, me: Workspace) -> AsyncGenerator[None, None]:
    """Let other commands of this user use an open profile, while this is entered.

    Where there is no place for the socket, that is logged, and the commands go without.
    """

    async def perform(call: Call, caller: Caller) -> int:
        lent = Lent(me, unpack(call.given or b""), call.columns, Path(unpack(call.folder)))
        LENT.set(lent)  # a call is a task: nobody else sees this
        _ways.set(
            {
                "stdin": Source(caller.ask, is_terminal=call.terminals[0]),
                "stdout": Sink(
                    lambda piece: caller.tell(Frame(out=piece)), is_terminal=call.terminals[1]
                ),
                "stderr": Sink(
                    lambda piece: caller.tell(Frame(err=piece)), is_terminal=call.terminals[2]
                ),
            }
        )
        with _routed(), speaking(call.language):
            code = await asyncio.to_thread(_parse, call)
            return code if lent.main is None else await lent.main()

    async with contextlib.AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(lend(profile, perform))
        except StorageError as err:
            log.warning("commands on this profile cannot be done by this process: %s", err)
        yield


class _Users:
    count = 0


@contextlib.contextmanager
def _routed() -> Iterator[None]:
    """Have the standard streams lead to the callers, as long as there is one."""
    if not _Users.count:
        for name in _STREAMS:
            setattr(sys, name, Routed(name, _ways))
    _Users.count += 1
    try:
        yield
    finally:
        _Users.count -= 1
        if not _Users.count:
            for name in _STREAMS:
                stream = getattr(sys, name)
                if isinstance(stream, Routed):
                    setattr(sys, name, stream.before)


def _parse(call: Call) -> int:
    """Parse the words, as `mifeng` does; what is to be run is left in `LENT`."""
    import typer
    from typer.main import get_command

    command = get_command(_app())
    try:
        command.main(args=[*map(unpack, call.words)], prog_name="mifeng", standalone_mode=False)
    except typer.Exit as err:
        return err.exit_code
    return 0


@functools.cache
def _app() -> typer.Typer:
    """The commands, but relative paths count from the caller's folder."""
    from mifeng.cli.app import app

    groups: list[typer.Typer] = [app]
    for group in groups:
        groups += [
            below.typer_instance for below in group.registered_groups if below.typer_instance
        ]
        for command in group.registered_commands:
            assert command.callback is not None, "a command does something"
            command.callback = _from_folder(command.callback)
    return app


def _from_folder(act: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(act)
    def placed(*args: Any, **given: Any) -> Any:  # noqa: ANN401 - whatever a command takes
        lent = LENT.get()
        folder = lent.folder if lent is not None else Path()
        return act(*args, **{name: _placed(value, folder) for name, value in given.items()})

    return placed


def _placed(value: Any, folder: Path) -> Any:  # noqa: ANN401
    if isinstance(value, Path) and str(value) != "-":
        return folder / value
    return [_placed(each, folder) for each in value] if isinstance(value, list) else value
