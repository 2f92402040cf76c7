"""The options that every command has; the passphrase; and running a command to its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mifeng.text import _, explain
from mifeng_crypto.errors import MifengError, StorageError, UsageError

if TYPE_CHECKING:
    from mifeng import Workspace

__all__ = ["Options", "hoist", "opened", "options", "passphrase_for", "run"]

_GLOBAL_WITH_VALUE = ("--profile", "--passphrase-fd", "--lang")
_GLOBAL = ("--json",)


@dataclass
class Options:
    """As given before, between or behind the words of a command."""

    profile: Path | None = None
    passphrase_fd: int | None = None
    json: bool = False

    @property
    def folder(self) -> Path:
        """The profile's folder: as told, or the user's usual place."""
        if self.profile is not None:
            return self.profile.expanduser()
        if named := os.environ.get("MIFENG_PROFILE"):
            return Path(named).expanduser()
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
        return _read_line(options.passphrase_fd)
    if not sys.stdin.isatty():
        return None
    import getpass

    if new:
        first = getpass.getpass(_("New passphrase (empty: use the system's keyring): "))
        if first and getpass.getpass(_("Once more: ")) != first:
            raise UsageError("the two passphrases differ; do it again")
        return first or None
    from mifeng.session.home import needs_passphrase

    if not asyncio.run(needs_passphrase(options.folder)):
        return None
    return getpass.getpass(_("Passphrase: "))


def _read_line(descriptor: int) -> str:
    data = b""
    try:
        while not data.endswith(b"\n") and (chunk := os.read(descriptor, 1)):
            data += chunk
        text = data.decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as err:
        raise UsageError(
            "file descriptor {fd} does not give a passphrase; open it for reading", fd=descriptor
        ) from err
    if not text:
        raise UsageError(
            "file descriptor {fd} does not give a passphrase; open it for reading", fd=descriptor
        )
    return text


@contextlib.asynccontextmanager
async def opened(options: Options) -> AsyncIterator[Workspace]:
    """Open the profile that the options name, caught up with the server."""
    import mifeng

    passphrase = await asyncio.to_thread(passphrase_for, options, new=False)
    async with mifeng.open(options.folder, passphrase=passphrase) as me:
        if not options.json and (told := await me.expired()):
            sentence = _("Expired meanwhile: {messages} messages and {files} files.")
            text = sentence.format(messages=told.messages, files=told.files)
            typer.secho(text, fg="yellow", err=True)
        yield me


def run(options: Options, main: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run a command; turn an error into one or two lines and an exit code."""
    try:
        asyncio.run(main())
    except MifengError as err:
        _fail(options, err)
    except OSError as err:
        if isinstance(err, BrokenPipeError):
            # Whoever read our output has seen enough. Nothing is left to flush at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        reason = err.strerror or str(err)
        _fail(options, StorageError("the system refused: {reason}", reason=reason))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _fail(options: Options, err: MifengError) -> None:
    from mifeng.cli.exit import exit_code_of

    code = exit_code_of(err)
    if options.json:
        told = {"error": type(err).__name__, "message": str(err), "exit_code": int(code)}
        typer.echo(json.dumps(told, ensure_ascii=False), err=True)
    else:
        typer.echo(_("Error: {message}").format(message=explain(err)), err=True)
    raise typer.Exit(int(code)) from err
