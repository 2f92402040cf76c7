"""What is handed over of before and is not what its author had accepted (protocol.md, "History").

Each vector brings all that a newcomer has: ledgers, the log without its contents, where it came in,
and one part, opened. `python -m tests.vectors_own.faults_history` writes these alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from mifeng_crypto import gate, history
from mifeng_crypto.history import Handed, HistoryBlob
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.log import AuthenticatedData, EntryKind, LogEntry
from mifeng_crypto.tls import decode, encode
from tests.support.history import Before
from tests.vectors_own.files import NEGATIVE, Vector, as_json

__all__ = ["vectors"]


def vectors(_scene: object = None) -> Iterator[Vector]:
    """All of them; the group of the other vectors has no part in it."""
    yield from _of_the_log()
    yield from _of_the_part()
    yield from _of_the_message()
    yield from _of_the_author()


def scene() -> Before:
    """Ada and Bo have said two things each."""
    before = Before()
    for n in range(2):
        before.say(before.ada, b"Ada %d" % n)
        before.say(before.bo, b"Bo %d" % n)
    return before


def given(before: Before, said: list[Handed] | None = None, **bent: bytes) -> dict[str, Any]:
    """What a newcomer has of it; `bent` replaces fields."""
    said = before.said if said is None else said
    roster, charter = before.company.entries, before.company.charter_entries[before.unit.unit_id]
    fields: dict[str, Any] = {
        "roster": [encode(entry).hex() for entry in roster],
        "charter": [encode(entry).hex() for entry in charter],
        "log": [encode(entry).hex() for entry in before.bare()],
        "joined": encode(before.joined()).hex(),
        "group": encode(before.unit.group).hex(),
        "part": encode(before.part(said)).hex(),
        "blob": history.pack(before.unit.group, said).hex(),
    }
    return fields | {name: value.hex() for name, value in bent.items()}


def _of_the_log() -> Iterator[Vector]:
    before = scene()
    collect = _Collector(given(before))
    bare = before.bare()

    def log(rule: str, what: str, entries: list[LogEntry]) -> None:
        collect(rule, what, log=[encode(entry).hex() for entry in entries])

    later = dataclasses.replace(bare[4].header, accepted_at=UnixMillis(0))
    log("LOG-3", "a header that was changed", [*bare[:4], LogEntry(later, b""), *bare[5:]])
    log("LOG-2", "a header that is left out", [*bare[:4], *bare[5:]])
    log("LOG-3", "a log that ends before the joining", bare[:-1])
    log("LOG-4", "other heads than the log has", [LogEntry(bare[0].header, b"?"), *bare[1:]])
    collect("LOG-3", "another joining", joined=encode(Head(before.joined().sequence, bytes(32))))
    yield from collect.found

    late = scene()
    late.unit.send_commit(late.ada, late.unit.commit(late.ada))
    control, ended = given(late), late.unit.entries[-1].header.epoch
    header = gate.next_header(
        late.joined(),
        group=late.unit.group,
        epoch=ended,
        kind=EntryKind.MESSAGE,
        device_id=late.bo.device_id,
        accepted_at=late.company.now,
        content=b"?",
    )
    late.unit.entries.append(LogEntry(header, b"?"))
    yield _vector("LOG-6", "an epoch that comes back", given(late), control)


def _of_the_part() -> Iterator[Vector]:
    before = scene()
    collect = _Collector(given(before))
    blob, part = decode(HistoryBlob, history.pack(before.unit.group, before.said)), before.part()

    def bent(what: str, **changes: object) -> None:
        collect("HISTORY-6", what, blob=encode(dataclasses.replace(blob, **changes)))  # type: ignore[arg-type]

    first, second, *rest = blob.messages
    bent("another version", version=2)
    bent("another generation", group=dataclasses.replace(blob.group, generation=1))
    bent("a message left out", messages=(first, *rest))
    bent("two messages swapped", messages=(second, first, *rest))
    bent("a message twice", messages=(first, first, second, *rest))
    bent(
        "a context that is not there",
        messages=(dataclasses.replace(first, context=9), second, *rest),
    )
    collect("HISTORY-6", "no blob", blob=b"?")
    collect("HISTORY-10", "a later deadline", part=encode(before.later(part, 1)))
    collect(
        "HISTORY-10", "another slot", part=encode(dataclasses.replace(part, slot=part.slot + 1))
    )
    yield from collect.found


def _of_the_message() -> Iterator[Vector]:
    before = scene()
    collect = _Collector(given(before))

    def bent(rule: str, what: str, change: Callable[[Handed], Handed]) -> None:
        said = [change(before.said[0]), *before.said[1:]]
        collect(rule, what, blob=history.pack(before.unit.group, said))

    def original(**changes: object) -> Callable[[Handed], Handed]:
        return lambda handed: handed._replace(
            original=dataclasses.replace(handed.original, **changes)  # type: ignore[arg-type]
        )

    bent("HISTORY-7", "other words", lambda handed: handed._replace(content=b"Ada 9"))
    bent("HISTORY-7", "another signature", original(signature=bytes(64)))
    bent("HISTORY-7", "another key", original(key=bytes(32)))
    bent("HISTORY-7", "a key that is too short", original(key=b""))
    bent("HISTORY-7", "other padding", original(padding=0))
    bent("HISTORY-7", "padding without end", original(padding=2**32 - 1))
    bent("HISTORY-8", "another leaf", original(leaf_index=1))
    yield from collect.found


def _of_the_author() -> Iterator[Vector]:
    forged = scene()
    control = given(forged)
    forged.say(forged.bo, b"I quit", as_device=forged.ada.device_id, force=True)
    yield _vector("HISTORY-8", "words of one under the name of another", given(forged), control)

    ghost = scene()
    control = given(ghost)
    ghost.company.revoke(ghost.unit.unit_id, ghost.bo)
    ghost.unit.write_heads()
    ghost.say(ghost.bo, b"still here", force=True)
    yield _vector("HISTORY-9", "somebody who was out", given(ghost), control)

    for rule, what, changes in (
        ("GATE-21", "a clock that is off", {"time": UnixMillis(0)}),
        ("LEDGER-8", "another roster", {"roster": Head(1, bytes(32))}),
        ("LOG-8", "another log", {"log": Head(3, bytes(32))}),
        ("LOG-8", "a place that is still to come", {"log": Head(99, bytes(32))}),
        ("GATE-37", "what only commits say", {"unit": scene().unit.server.state}),
    ):
        before = scene()
        control = given(before)
        said = decode(AuthenticatedData, before.unit.said(before.bo))
        bent = encode(dataclasses.replace(said, **changes))
        before.say(before.bo, b"?", said=bent, force=True)
        yield _vector(rule, what, given(before), control)


class _Collector:
    """Collects vectors that share a control."""

    def __init__(self, control: dict[str, Any]) -> None:
        self.control = control
        self.found: list[Vector] = []

    def __call__(self, rule: str, what: str, **changes: object) -> None:
        bent = {name: as_json(value) for name, value in changes.items()}
        self.found.append(_vector(rule, what, self.control | bent, self.control))


def _vector(rule: str, what: str, given: dict[str, Any], control: dict[str, Any]) -> Vector:
    return Vector(rule=rule, what=what, verb="history", input=given, control=control)


if __name__ == "__main__":
    for path in NEGATIVE.glob("*-history-*.json"):
        if Vector.read(path).verb == "history":
            path.unlink()
    for vector in vectors():
        vector.write(NEGATIVE)
