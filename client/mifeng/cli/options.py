"""The options that every command has; the passphrase; and running a command to its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mifeng.errors import ProfileBusyError
from mifeng.text import _, explain, language_in_use
from mifeng_crypto.errors import MifengError, StorageError, TransportError, UsageError

if TYPE_CHECKING:
    import typer

    from mifeng import Workspace
    from mifeng.handover import Call, Terminal

__all__ = [
    "LENT",
    "Lent",
    "Options",
    "hoist",
    "opened",
    "options",
    "passphrase_for",
    "run",
    "run_to_exit",
    "standard_input",
]

PATIENCE_S = 5.0
"""How long a profile that is in use may take to be free, or to be lent."""
LOOK_S = 0.05


@dataclass(eq=False)
class Lent:
    """This call came from another process, and is done on a profile that is open in this one.

    Attributes:
        me: the profile.
        given: what the caller has read from its standard input.
        columns: the width of the caller's terminal.
        folder: the caller's.
        main: what is to be run, once the words are parsed.
    """

    me: Workspace
    given: str
    columns: int
    folder: Path
    main: Callable[[], Awaitable[int]] | None = None


LENT: ContextVar[Lent | None] = ContextVar("LENT", default=None)

_GLOBAL_WITH_VALUE = ("--profile", "--passphrase-fd", "--lang")
_GLOBAL = ("--json",)


@dataclass
class Options:
    """As given before, between or behind the words of a command."""

    profile: Path | None = None
    passphrase_fd: int | None = None
    json: bool = False
    words: Sequence[str] = ()
    """The whole command line, to be handed over."""
    unreached: TransportError | None = None
    """Why this was done with what is on this device alone."""

    @property
    def chosen_folder(self) -> Path | None:
        """The profile's folder, if somebody has said which."""
        if self.profile is not None:
            return self.profile.expanduser()
        named = os.environ.get("MIFENG_PROFILE")
        return Path(named).expanduser() if named else None

    @property
    def folder(self) -> Path:
        """The profile's folder: as told, or the user's usual place."""
        if (chosen := self.chosen_folder) is not None:
            return chosen
        import platformdirs

        return Path(platformdirs.user_data_dir("mifeng", appauthor=False))


def hoist(arguments: Sequence[str]) -> list[str]:
    """Put the options of all commands in front, wherever they stand (up to a `--`)."""
    words, front, back = list(arguments), [], []
    while words:
        word = words.pop(0)
        if word == "--":
            back += [word, *words]
            break
        if word in _GLOBAL or word.startswith(tuple(f"{o}=" for o in _GLOBAL_WITH_VALUE)):
            front.append(word)
        elif word in _GLOBAL_WITH_VALUE:
            front += [word, *words[:1]]
            words = words[1:]
        else:
            back.append(word)
    return front + back


def options(context: typer.Context) -> Options:
    """Return the options of this call."""
    found = context.find_object(Options)
    assert found is not None, "the main callback has set them"
    return found


def passphrase_for(options: Options, *, new: bool) -> str | None:
    """Return the passphrase: from the descriptor, or asked for on a terminal; None for the keyring.

    Raises:
        UsageError: the descriptor does not give one, or the two entries differ.
        MifengError: the profile cannot be looked at.
    """
    if options.passphrase_fd is not None:
        from mifeng.keychain import read_passphrase

        return read_passphrase(options.passphrase_fd)
    if not sys.stdin.isatty():
        return None
    import getpass

    if new:
        first = getpass.getpass(_("New passphrase (empty: use the system's keyring): "))
        if first and getpass.getpass(_("Once more: ")) != first:
            raise UsageError("the two passphrases differ; do it again")
        return first or None
    from mifeng.home import needs_passphrase

    if not asyncio.run(needs_passphrase(options.folder)):
        return None
    return getpass.getpass(_("Passphrase: "))


@contextlib.asynccontextmanager
async def opened(
    options: Options, *, lends: bool = False, offline: bool = False, local: bool = False
) -> AsyncIterator[Workspace]:
    """Open the profile that the options name, caught up with the server.

    If another process has it open, the whole call is done there, and this one ends as that ended.

    Args:
        options: of this call.
        lends: whether this call stays, so that others may have theirs done here meanwhile.
        offline: whether the server is left alone.
        local: whether it is done with what is on this device where the server is not reached, which
            is then said at the end.
    """
    lent = LENT.get()
    if lent is not None:
        if not offline:
            await _catch_up(lent.me, options, local=local)
        yield lent.me
        return
    async with AsyncExitStack() as stack:
        me = await _open_or_hand_over(options, stack)
        if not offline:
            await _catch_up(me, options, local=local)
        if not (options.json or offline) and (told := await me.expired()):
            sentence = _("Expired meanwhile: {messages} messages and {files} files.")
            text = sentence.format(messages=told.messages, files=told.files)
            import typer

            typer.secho(text, fg="yellow", err=True)
        if lends:
            from mifeng.cli.lent import lending

            await stack.enter_async_context(lending(options.folder, me))
        yield me


async def _catch_up(me: Workspace, options: Options, *, local: bool) -> None:
    """Catch up; note why that was not possible, if the call is of use without."""
    try:
        await me.sync()
    except TransportError as err:
        if not local:
            raise
        options.unreached = err


async def _open_or_hand_over(options: Options, stack: AsyncExitStack) -> Workspace:
    from mifeng.handover import hand_over
    from mifeng.home import Home
    from mifeng.keychain import source_of

    call, terminal = _call(options), _terminal()
    until = time.monotonic() + PATIENCE_S
    passphrase: str | None = None
    asked = False
    while True:
        code = await hand_over(options.folder, call, terminal) if options.words else None
        if code is not None:
            import typer

            raise typer.Exit(code)
        if not asked:
            passphrase = await asyncio.to_thread(passphrase_for, options, new=False)
            asked = True
        try:
            home = await Home.open(options.folder, source_of(passphrase), rng=os.urandom)
            break
        except ProfileBusyError:
            # A command that is nearly done, or a process that is only about to lend it.
            if time.monotonic() > until:
                raise
            await asyncio.sleep(LOOK_S)
    from mifeng import sdk  # after unlocking: see mifeng.home

    return await stack.enter_async_context(sdk.unlocked(home))


def _call(options: Options) -> Call:
    from mifeng.handover import Call, pack

    return Call(
        token="",
        words=[pack(word) for word in options.words],
        folder=pack(str(Path.cwd())),
        language=language_in_use(),
        given=None if _Given.text is None else pack(_Given.text),
        columns=shutil.get_terminal_size().columns,
        terminals=(sys.stdin.isatty(), sys.stdout.isatty(), sys.stderr.isatty()),
    )


def _terminal() -> Terminal:
    from mifeng.handover import Terminal

    sys.stdout.flush()
    return Terminal(sys.stdin, sys.stdout.buffer, sys.stderr.buffer)


class _Given:
    text: str | None = None


def standard_input() -> str:
    """Read all of the standard input; where a call is handed over, it goes with it."""
    lent = LENT.get()
    if lent is not None:
        return lent.given
    _Given.text = sys.stdin.read()
    return _Given.text


def run(options: Options, main: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run a command; turn an error into one or two lines and an exit code."""
    lent = LENT.get()
    if lent is not None:  # whoever lends the profile runs it in the loop that the profile lives in
        lent.main = functools.partial(ended, options, main)
        return
    import typer

    if code := run_to_exit(options, main):
        raise typer.Exit(code)


def run_to_exit(options: Options, main: Callable[[], Coroutine[None, None, None]]) -> int:
    """Run a command in a loop of its own, to its exit code."""
    try:
        return asyncio.run(ended(options, main))
    except KeyboardInterrupt:
        return 130


async def ended(options: Options, main: Callable[[], Coroutine[None, None, None]]) -> int:
    """Run a command to its exit code."""
    try:
        await main()
    except MifengError as err:
        return _failed(options, err)
    except BrokenPipeError:
        # Whoever read our output has seen enough. Nothing is left to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as err:
        reason = err.strerror or str(err)
        if err.filename:
            reason = f"{err.filename}: {reason}"
        return _failed(options, StorageError("the system refused: {reason}", reason=reason))
    except RuntimeError as err:
        import typer  # loaded by whoever has raised one of its own

        if isinstance(err, typer.Exit):
            return err.exit_code
        if isinstance(err, typer.Abort):
            typer.echo(_("Aborted."), err=True)
            return 1
        raise
    return _failed(options, options.unreached) if options.unreached is not None else 0


def _failed(options: Options, err: MifengError) -> int:
    from mifeng.cli.exit import exit_code_of
    from mifeng.content import printable  # a file's name, say, is what somebody else wrote

    code = exit_code_of(err)
    if options.json:
        told = {"error": type(err).__name__, "message": str(err), "exit_code": int(code)}
        sys.stderr.write(json.dumps(told, ensure_ascii=False) + "\n")
    else:
        sys.stderr.write(
            _("Error: {message}").format(message=printable(explain(err), lines=True)) + "\n"
        )
    return int(code)
