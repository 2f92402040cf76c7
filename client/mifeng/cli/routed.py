"""Standard streams that lead to whom a call is done for."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TextIO

__all__ = ["Routed", "Sink", "Source", "open_streams"]


def open_streams() -> None:
    """See that no stream raises, whatever the process was started with.

    One that was closed leads nowhere. Input that is not UTF-8 is taken as it is: whoever wants a
    text of it refuses it by name. Output that the terminal cannot show becomes a `?`.
    """
    for name, mode, errors in (
        ("stdin", "r", "surrogateescape"),
        ("stdout", "w", "replace"),
        ("stderr", "w", "backslashreplace"),
    ):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - as long as the process
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)


class Sink(io.TextIOBase):
    """Hands on what is written to it; bytes by `buffer`, as of a real stream."""

    class _Bytes(io.RawIOBase):
        def __init__(self, tell: Callable[[bytes], None]) -> None:
            self._tell = tell

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:  # noqa: ANN401 - whatever has a buffer
            self._tell(bytes(data))
            return len(data)

    encoding = "utf-8"

    def __init__(self, tell: Callable[[bytes], None], *, is_terminal: bool) -> None:
        self.buffer = self._Bytes(tell)
        self._is_terminal = is_terminal

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.buffer.write(text.encode("utf-8", "replace"))
        return len(text)

    def isatty(self) -> bool:
        return self._is_terminal


class Source(io.TextIOBase):
    """Asks for each line. It waits: for threads only."""

    def __init__(self, ask: Callable[[], str], *, is_terminal: bool) -> None:
        self._ask = ask
        self._is_terminal = is_terminal

    def readable(self) -> bool:
        return True

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        del size
        return self._ask()

    def isatty(self) -> bool:
        return self._is_terminal


class Routed:
    """Stands where `sys.stdout` stands: what a call prints goes to its caller, all else on."""

    def __init__(self, name: str, way: ContextVar[dict[str, io.TextIOBase] | None]) -> None:
        self._name, self._way = name, way
        self.before: TextIO = getattr(sys, name)

    def here(self) -> Any:  # noqa: ANN401 - a stream, of whichever kind
        """Return the stream that is meant where this is called."""
        ways = self._way.get()
        return self.before if ways is None else ways[self._name]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self.here(), name)
