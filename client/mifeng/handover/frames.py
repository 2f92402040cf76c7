"""What is said over the line, one JSON object a line: the call, then output, and the end."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import msgspec

from mifeng_crypto.errors import StorageError

__all__ = ["LONGEST", "Call", "Frame", "pack", "read", "unpack", "write"]

LONGEST = 32 << 20
"""Bytes of one line: a call with all of its standard input."""
T = TypeVar("T", bound=msgspec.Struct)


class Call(msgspec.Struct, kw_only=True):
    """What is to be done, and for whom it is shown.

    Attributes:
        token: what the file in the profile's folder says.
        words: the command line, without the program; like all texts that are the caller's own here,
            packed, for the name of a file need not be UTF-8.
        folder: the caller's, from which relative paths count.
        language: the caller's.
        given: what the caller has read from its standard input already; None if nothing.
        columns: the width of the caller's terminal.
        terminals: whether standard input, output and error are one.
    """

    token: str
    words: list[bytes]
    folder: bytes
    language: str
    given: bytes | None
    columns: int
    terminals: tuple[bool, bool, bool]


class Frame(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A piece of what a call brings about, or of what it asks.

    Attributes:
        out, err: for the caller's standard output and error.
        asks: a line of the caller's standard input is wanted.
        line: that line, with its end; empty at the end of the input.
        code: the exit code; nothing follows.
    """

    out: bytes = b""
    err: bytes = b""
    asks: bool = False
    line: bytes | None = None
    code: int | None = None


def pack(text: str) -> bytes:
    """Return a text of the caller's, with those bytes in it that were not UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def unpack(packed: bytes) -> str:
    """Return what was packed."""
    return packed.decode("utf-8", "surrogateescape")


async def read(reader: asyncio.StreamReader, kind: type[T]) -> T | None:
    """Return the next object; None at the end.

    Raises:
        StorageError: it is not one: another version of mifeng is at the other end.
    """
    try:
        line = await reader.readline()
        return msgspec.json.decode(line, type=kind) if line.endswith(b"\n") else None
    except ConnectionError:
        return None
    except (msgspec.DecodeError, ValueError) as err:
        raise StorageError(
            "the process that has the profile open is of another version; stop that one first"
        ) from err


def write(writer: asyncio.StreamWriter, thing: msgspec.Struct) -> None:
    """Send an object."""
    writer.write(msgspec.json.encode(thing) + b"\n")
