"""What strace saw of a process: writes, truncations, syncs and deletions of files, and what went
out on sockets, in order; and every disk that a power cut may leave.

A write is durable once its file was synced after it. What was not is there or not, in pieces of 512
bytes, whatever a disk likes.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Disk", "Event", "read_trace", "strace_command"]

SECTOR = 512
IN_MEMORY = "-shm"
"""SQLite's shared index of a WAL: made anew by whoever opens the database first."""
CALLS = "pwrite64,write,ftruncate,fdatasync,fsync,unlink,unlinkat,sendto,sendmsg"

_LINE = re.compile(r"^(\d+) +(.*)$")
_CALL = re.compile(r"^(\w+)\((?:(\d+)<([^>]*)>)?(?:, )?(.*)$", re.DOTALL)
_RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: `write`, `truncate`, `sync`, `delete` of a file, or `sent`."""

    kind: str
    path: str
    offset: int
    data: bytes


def strace_command(output: Path) -> list[str]:
    """Return what stands before the command to be traced."""
    return [
        *("strace", "-f", "-qq", "-y", "-xx", "-s", "4194304"),
        *("-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(output)),
    ]


def _unescape(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _plain(path: str) -> str:
    """A path as -y prints it: escaped by -xx, or not."""
    return _unescape(path).decode() if path.startswith("\\x") else path


def read_trace(output: Path) -> Iterator[Event]:
    """Yield the events of a trace. A sync counts when it has returned."""
    syncing: dict[str, str] = {}
    with output.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            found = _LINE.match(line.rstrip("\n"))
            if found is None:
                continue
            pid, rest = found.groups()
            resumed = _RESUMED.match(rest)
            if resumed is not None:
                if resumed[1] in ("fsync", "fdatasync") and pid in syncing:
                    yield Event("sync", syncing.pop(pid), 0, b"")
                continue
            event = _event(rest)
            if event is None:
                continue
            if event.kind == "sync" and "<unfinished" in rest:
                syncing[pid] = event.path
                continue
            yield event


def _event(rest: str) -> Event | None:
    called = _CALL.match(rest)
    if called is None or " = -1 " in rest[-120:]:
        return None
    name, path, more = called[1], _plain(called[3] or ""), called[4]
    match name:
        case "fsync" | "fdatasync":
            return Event("sync", path, 0, b"")
        case "pwrite64":
            text = _STRING.search(more)
            place = re.search(r", (\d+), (\d+)", more[text.end() :] if text else "")
            if text is None or place is None:
                return None
            assert text[2] is None, "the trace was cut off: a longer -s is needed"
            return Event("write", path, int(place[2]), _unescape(text[1]))
        case "ftruncate":
            size = re.match(r"(\d+)", more)
            return Event("truncate", path, int(size[1]), b"") if size else None
        case "unlink" | "unlinkat":
            text = _STRING.search(rest)
            return Event("delete", _unescape(text[1]).decode(), 0, b"") if text else None
        case _:
            text = _STRING.search(more)
            if text is None:
                return None
            kind = "sent" if path.startswith(("TCP", "socket", "tcp")) else "append"
            return Event(kind, path, 0, _unescape(text[1]))


@dataclass(slots=True)
class _File:
    synced: bytearray = field(default_factory=bytearray)
    pending: list[Event] = field(default_factory=list)
    is_there: bool = True


class Disk:
    """The files of a folder, and what of them is durable."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.files: dict[str, _File] = {}

    def load(self) -> None:
        """Take what is in the folder as durable."""
        for path in Path(self.folder).rglob("*"):
            if path.is_file() and not path.name.endswith(IN_MEMORY):
                self.files[str(path)] = _File(bytearray(path.read_bytes()))

    def take(self, event: Event) -> None:
        """Let an event happen."""
        if not event.path.startswith(self.folder + "/") or event.path.endswith(IN_MEMORY):
            return
        if event.kind in ("sync", "delete") and event.path not in self.files:
            return  # a folder, or a file that was never written
        file = self.files.setdefault(event.path, _File())
        match event.kind:
            case "write" | "truncate":
                file.is_there = True
                file.pending.append(event)
            case "append":
                file.pending.append(Event("write", event.path, _length(file), event.data))
            case "sync":
                for waiting in file.pending:
                    _apply(file.synced, waiting)
                file.pending.clear()
            case "delete":
                # A file that is deleted may be there after a cut, or not: both are tried.
                file.is_there = False

    def unsynced(self) -> int:
        """How many writes are not durable."""
        return sum(len(file.pending) for file in self.files.values())

    def cut(self, into: Path, chance: random.Random) -> None:
        """Write the files as a power cut may leave them."""
        share = chance.choice((0.0, 1.0, 0.5, chance.random()))
        for name, file in self.files.items():
            if not file.is_there and chance.random() < 0.5:
                continue
            content = bytearray(file.synced)
            for event in file.pending:
                if event.kind == "truncate":
                    if chance.random() < share:
                        _apply(content, event)
                    continue
                for at in range(0, len(event.data), SECTOR):
                    if chance.random() < share:
                        piece = event.data[at : at + SECTOR]
                        _apply(content, Event("write", name, event.offset + at, piece))
            path = into / Path(name).relative_to(self.folder)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _length(file: _File) -> int:
    length = len(file.synced)
    for event in file.pending:
        end = event.offset + len(event.data)
        length = event.offset if event.kind == "truncate" else max(length, end)
    return length


def _apply(content: bytearray, event: Event) -> None:
    if event.kind == "truncate":
        del content[event.offset :]
        content.extend(bytes(event.offset - len(content)))
        return
    end = event.offset + len(event.data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    content[event.offset : end] = event.data
