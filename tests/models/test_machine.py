"""The client's core and a server that orders, step by step beside the reference: they never differ.

Devices say, encrypt, send and lose answers, commit, fall behind, catch up, and are opened anew from
their rows, in any order that hypothesis finds.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mifeng.core import outbox
from mifeng.core.events import NewEntry
from mifeng.core.unit import Unit, changes_between, from_rows
from mifeng_crypto.log import EntryKind, LogEntry
from mifeng_crypto.mls.wire.framing import PrivateMessage, PublicMessage
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.tls import decode
from tests.client.core.world import Desk, World
from tests.models.reference import Reference

NAMES = ("ada", "ben")
DEVICES = st.sampled_from(NAMES)


class Ordering(RuleBasedStateMachine):
    """One unit, two devices."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.desks = dict(zip(NAMES, self.world.everybody, strict=True))
        self.entries = list(self.world.log.entries)
        self.taken: dict[bytes, int] = {}
        self.rows: dict[str, dict[tuple[str, bytes], bytes]] = {name: {} for name in NAMES}
        self.read: dict[str, list[str]] = {name: [] for name in NAMES}
        self.number = 0
        self.ref = Reference(
            log=[_shape(entry) for entry in self.entries],
            applied=dict.fromkeys(NAMES, len(self.entries)),
            outbox={name: [] for name in NAMES},
            pending=dict.fromkeys(NAMES),
        )
        for name, desk in self.desks.items():
            self._keep(name, changes_between(None, desk.unit))

    # -------------------------------------------------------------- steps

    @rule(name=DEVICES)
    def say(self, name: str) -> None:
        self.number += 1
        text = f"text {self.number}"
        desk = self.desks[name]
        self._step(name, lambda: desk.queue(text.encode()))
        self.ref.say(name, text)

    @precondition(lambda self: any(map(self._can_seal, NAMES)))
    @rule(name=DEVICES)
    def encrypt(self, name: str) -> None:
        if self._can_seal(name):
            self._step(name, self.desks[name].seal)
            self.ref.seal(name)

    @precondition(lambda self: any(map(self._can_send, NAMES)))
    @rule(name=DEVICES, lost=st.booleans())
    def send(self, name: str, lost: bool) -> None:
        if not self._can_send(name):
            return
        desk = self.desks[name]
        item = outbox.next_item(desk.unit)
        assert item is not None
        taken = self._server(EntryKind.MESSAGE, item.record.message, desk)
        assert (taken is not None) is self.ref.accept_message(name)
        if lost:
            return
        if taken is None:
            self._catch_up(name)
            left = next((i for i in desk.unit.outbox if i.number == item.number), None)
            if left is not None and left.record.message:
                self._step(name, lambda: self._set(desk, outbox.unseal(desk.unit, left)))
                self.ref.outbox[name][0].epoch = None
        else:
            self._catch_up(name)

    @rule(name=DEVICES)
    def prepare_commit(self, name: str) -> None:
        if self.ref.pending[name] is None:
            self._step(name, lambda: cast("None", self.desks[name].commit()))
            self.ref.prepare(name)

    @precondition(lambda self: any(self.ref.pending[name] for name in NAMES))
    @rule(name=DEVICES, lost=st.booleans())
    def send_commit(self, name: str, lost: bool) -> None:
        desk = self.desks[name]
        if desk.unit.pending is None:
            return
        taken = self._server(EntryKind.COMMIT, desk.unit.pending.message, desk)
        assert (taken is not None) is self.ref.accept_commit(name)
        if not lost:
            self._catch_up(name)

    @rule(name=DEVICES, n=st.integers(1, 3))
    def catch_up_a_little(self, name: str, n: int) -> None:
        for _ in range(n):
            self._apply_next(name)

    @rule(name=DEVICES)
    def open_anew(self, name: str) -> None:
        desk, rows = self.desks[name], self.rows[name]

        def parts(table: str) -> dict[bytes, bytes]:
            return {key[16:]: value for (t, key), value in sorted(rows.items()) if t == table}

        unit = from_rows(
            self.world.unit_id,
            rows["units", self.world.unit_id],
            charter=desk.unit.charter,
            mls=parts("mls"),
            pending=rows.get(("pending", self.world.unit_id)),
            timeline=parts("messages").items(),
            outbox=parts("outbox"),
        )
        assert unit.record() == desk.unit.record()
        desk.unit = unit

    # -------------------------------------------------------------- what must hold

    @invariant()
    def they_never_differ(self) -> None:
        for name, desk in self.desks.items():
            unit = desk.unit
            assert unit.log.sequence == self.ref.applied[name]
            assert unit.active_epoch.public.epoch == self.ref.epoch_of(name)
            assert self.read[name] == self.ref.read_by(name)
            waits = [(i.record.content.decode(), bool(i.record.message)) for i in unit.outbox]
            assert waits == [(w.text, w.epoch is not None) for w in self.ref.outbox[name]]
            assert (unit.pending is not None) is (self.ref.pending[name] is not None)
        said = [text for kind, _, text in self.ref.log if kind == "message"]
        assert len(set(said)) == len(said), "a text is there twice"

    def teardown(self) -> None:
        """Left in peace, all that was said arrives, once, in one order, at both."""
        for _ in range(3 * self.number + 5):
            for name in NAMES:
                self._catch_up(name)
                self.encrypt(name) if self._can_seal(name) else None
                self.send(name, lost=False) if self._can_send(name) else None
        for name in NAMES:
            self._catch_up(name)
            assert not self.desks[name].unit.outbox
        assert self.read["ada"] == self.read["ben"]
        assert len(self.read["ada"]) == self.number

    # -------------------------------------------------------------- inside

    def _can_seal(self, name: str) -> bool:
        item = outbox.next_item(self.desks[name].unit)
        return item is not None and not item.record.message

    def _can_send(self, name: str) -> bool:
        item = outbox.next_item(self.desks[name].unit)
        return item is not None and bool(item.record.message)

    def _server(self, kind: EntryKind, content: bytes, desk: Desk) -> int | None:
        """Accept at the head epoch, once; the key comes before the epoch."""
        key = hashlib.sha256(content).digest()
        if key in self.taken:
            return self.taken[key]
        message = decode(MLSMessage, content).message
        assert isinstance(message, PrivateMessage | PublicMessage)
        epoch = message.epoch if isinstance(message, PrivateMessage) else message.content.epoch
        if epoch != self.world.log.epoch:
            return None
        company = self.world.company
        self.entries.append(
            self.world.log.append(kind, content, by=desk.person.device_id, at=company.tick())
        )
        self.taken[key] = len(self.entries)
        return self.taken[key]

    def _catch_up(self, name: str) -> None:
        while self.ref.applied[name] < len(self.entries):
            self._apply_next(name)

    def _apply_next(self, name: str) -> None:
        desk, at = self.desks[name], self.ref.applied[name]
        if at == len(self.entries):
            return
        before = desk.unit
        applied = desk.apply(self.entries[at])
        self._keep(name, {**changes_between(before, desk.unit), **applied.changes})
        self.read[name] += (
            event.entry.content.decode()
            for event in applied.events
            if isinstance(event, NewEntry) and event.entry.content
        )
        self.ref.apply_next(name)

    def _step(self, name: str, step: object) -> None:
        before = self.desks[name].unit
        step()  # type: ignore[operator]
        self._keep(name, changes_between(before, self.desks[name].unit))

    def _set(self, desk: Desk, unit: Unit) -> None:
        desk.unit = unit

    def _keep(self, name: str, changes: object) -> None:
        for key, value in changes.items():  # type: ignore[attr-defined]
            if value is None:
                self.rows[name].pop(key, None)
            else:
                self.rows[name][key] = value


def _shape(raw: bytes) -> tuple[str, str, str]:
    kind = decode(LogEntry, raw).header.kind
    return ("commit", "", "") if kind is EntryKind.COMMIT else ("heads", "", "")


TestOrdering = Ordering.TestCase
TestOrdering.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_the_reference_is_as_small_as_it_should_be() -> None:
    source = Path(__file__).with_name("reference.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 300


@pytest.mark.parametrize("wrong", ["epoch first", "apply twice"])
def test_a_wrong_reference_is_told_apart(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Ordering()
    machine.say("ada")
    machine.encrypt("ada")
    if wrong == "apply twice":
        monkeypatch.setattr(Reference, "apply_next", lambda *_: None)
        machine.send("ada", lost=True)
        machine._apply_next("ada")
    else:
        monkeypatch.setattr(Reference, "accept_message", lambda *_: False)
        with pytest.raises(AssertionError):
            machine.send("ada", lost=True)
        return
    with pytest.raises(AssertionError):
        machine.they_never_differ()
