"""AUDIT-n: from an export alone, without a secret or a server: who was in, and what is wrong."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifeng_crypto import gate
from mifeng_crypto.audit import Audited, Report, Weight, compare, read_records, write_records
from mifeng_crypto.audit import record as f
from mifeng_crypto.audit.evidence import (
    Alarm,
    Contradiction,
    Evidence,
    Observed,
    RefusedEntries,
    RefusedStatement,
)
from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.expiry import retain_until
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.chain import SplitView
from mifeng_crypto.ledger.checkpoint import origin_of_log, origin_of_roster
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.log import EntryKind, LogEntry
from mifeng_crypto.tls import encode
from tests.support.company import HOUR, Company
from tests.support.exporting import export_of, read_back, receipt_for, signed, without_content
from tests.support.unit import Unit

RETENTION_S = 72 * 3600


class Scene:
    """Ada's unit with Bo in it, who is removed; and messages between."""

    def __init__(self) -> None:
        self.company = Company("audit")
        self.bo = self.company.hire("Bo")
        self.unit = Unit(self.company)
        self.unit.add(self.bo)
        self.unit.send(self.company.ada, b"hello")
        self.company.tick(HOUR)
        self.unit.send(self.bo, b"hello Ada")
        self.company.fire(self.bo)
        self.unit.write_heads()
        leaf = gate.removes_due(self.unit.server)
        self.unit.send_commit(
            self.company.ada, self.unit.commit(self.company.ada, remove=list(leaf))
        )
        self.unit.send(self.company.ada, b"alone")

    @property
    def log(self) -> Head:
        return self.unit.server.log.head

    @property
    def origin(self) -> str:
        return origin_of_log(self.company.workspace_id, self.unit.group)

    def audit(self, **how: object) -> Audited:
        return read_back(export_of(self.company, self.unit, **how))  # type: ignore[arg-type]

    def alarm(self, rule: str, evidence: Evidence) -> Alarm:
        return Alarm(rule, UnixMillis(self.company.now), self.unit.unit_id, "an alarm", evidence)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


def rules(report: Report) -> list[tuple[Weight, str]]:
    return [(finding.weight, finding.rule) for finding in report.findings]


# ------------------------------------------------------------------ an honest history


def test_an_honest_history_is_clean_and_says_who_was_in_when(scene: Scene) -> None:
    report = scene.audit().report
    assert report.is_clean
    assert report.findings == []
    (log,) = report.units[scene.unit.unit_id].logs
    ada, bo = scene.company.ada.member_id, scene.bo.member_id
    assert [(line.added, line.removed, line.people) for line in log.membership] == [
        ((ada,), (), 1),
        ((bo,), (), 2),
        ((), (bo,), 1),
    ]
    assert [line.by for line in log.membership] == [ada] * 3
    assert log.followed_to == log.entries == len(scene.unit.entries)
    assert (log.messages, log.commits) == (3, 2)
    assert max(epoch.oldest_ms for epoch in log.epochs) >= HOUR
    assert [epoch.fresh_keys for epoch in log.epochs] == [True, True, True]


def test_it_says_who_signed_what_by_which_right(scene: Scene) -> None:
    report = scene.audit().report
    lines = [(line.action, line.right, line.subject) for line in report.lines]
    bo = scene.bo.member_id
    assert lines == [
        ("found", "founder", scene.company.ada.member_id),
        ("invite", "owner", bo),
        ("add_member", "invite", bo),
        ("remove_member", "owner", bo),
    ]
    charter = report.units[scene.unit.unit_id].lines
    assert [(line.action, line.right, line.detail) for line in charter] == [
        ("create", "owner of the workspace", ""),
        ("grant", "owner of the workspace, manager of the unit", "member"),
    ]


def test_what_the_server_signed_and_gave_is_counted(scene: Scene) -> None:
    company = scene.company
    notes = [
        signed(company, scene.origin, scene.log),
        signed(company, origin_of_roster(company.workspace_id), company.roster.head),
    ]
    receipt = receipt_for(company, scene.unit.unit_id, scene.log)
    report = scene.audit(notes=notes, receipts=[receipt]).report
    assert report.is_clean
    assert report.signed == 2, "the receipt and the checkpoint say the same"


# ------------------------------------------------------------------ the file


def test_what_is_no_export_is_refused_audit_1(scene: Scene) -> None:
    whole = b"".join(write_records(export_of(scene.company, scene.unit)))
    for damaged in (b"", b"something", whole[:-1], whole + b"\x00", whole[:200]):
        with pytest.raises(ProtocolError, match="AUDIT-1"):
            list(read_records(io.BytesIO(damaged).read))


@given(data=st.data())
def test_a_damaged_export_is_refused_or_faulty_never_a_crash(
    scene: Scene, data: st.DataObject
) -> None:
    raw = bytearray(b"".join(write_records(export_of(scene.company))))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(ProtocolError):
        read_back(read_records(io.BytesIO(bytes(raw)).read))


# ------------------------------------------------------------------ gaps and faults of the log


def test_a_log_without_its_founding_is_followed_by_its_hashes_only_audit_2(scene: Scene) -> None:
    records = [
        record
        for record in export_of(scene.company, scene.unit)
        if not isinstance(record, f.FoundingRecord)
    ]
    report = read_back(records).report
    assert rules(report) == [(Weight.GAP, "AUDIT-2")]
    (log,) = report.units[scene.unit.unit_id].logs
    assert (log.entries, log.followed_to) == (len(scene.unit.entries), 0)


def test_a_commit_that_is_gone_ends_what_is_known_of_members_audit_3(scene: Scene) -> None:
    entries = [
        without_content(entry)
        if entry.header.kind is EntryKind.COMMIT and entry.header.epoch == 1
        else entry
        for entry in scene.unit.entries
    ]
    report = scene.audit(entries=entries).report
    assert rules(report) == [(Weight.GAP, "AUDIT-3")]
    (log,) = report.units[scene.unit.unit_id].logs
    assert log.followed_to < log.entries == len(entries)


def message_at(scene: Scene) -> int:
    return next(
        n for n, entry in enumerate(scene.unit.entries) if entry.header.kind is EntryKind.MESSAGE
    )


def test_a_content_that_went_too_early_is_found_audit_4(scene: Scene) -> None:
    entries, n = list(scene.unit.entries), message_at(scene)
    deadline = retain_until(entries[n].header.accepted_at, RETENTION_S)
    entries[n] = without_content(entries[n])
    early = scene.audit(entries=entries, at=deadline - 1).report
    assert rules(early) == [(Weight.FAULT, "AUDIT-4")]


def test_a_content_that_stayed_too_long_is_found_audit_5(scene: Scene) -> None:
    entries, n = scene.unit.entries, message_at(scene)
    deadline = retain_until(entries[n].header.accepted_at, RETENTION_S)
    in_time = scene.audit(at=deadline + 10 * 60_000).report
    assert in_time.is_clean
    late = scene.audit(at=deadline + HOUR).report
    assert rules(late)[0] == (Weight.FAULT, "AUDIT-5")


@pytest.mark.parametrize("change", ["missing", "swapped", "bent"])
def test_a_log_that_was_tampered_with_is_found_by_its_chain(scene: Scene, change: str) -> None:
    entries = list(scene.unit.entries)
    match change:
        case "missing":
            del entries[3]
        case "swapped":
            entries[3], entries[4] = entries[4], entries[3]
        case _:
            entries[3] = LogEntry(entries[3].header, entries[3].content + b"\x00")
    report = scene.audit(entries=entries).report
    assert not report.is_clean
    assert rules(report)[0][1].startswith("LOG-")


def test_a_ghost_that_was_committed_in_is_found_by_the_gate() -> None:
    scene = Scene()
    unit, company = scene.unit, scene.company
    ghost = company.hire("Ghost")  # nobody granted him
    from tests.support.unit import key_package  # noqa: PLC0415 - beside its only use

    pending = unit.commit(company.ada, add=[key_package(company, ghost)])
    unit.accept_commit(pending.message, company.ada.device_id, force=True)
    report = scene.audit().report
    assert rules(report) == [(Weight.FAULT, "GATE-5")]


# ------------------------------------------------------------------ what the server signed


def test_a_signed_head_that_was_not_given_is_found_audit_6(scene: Scene) -> None:
    past = Head(scene.log.sequence + 5, b"\x07" * 32)
    report = scene.audit(notes=[signed(scene.company, scene.origin, past)]).report
    assert rules(report) == [(Weight.FAULT, "AUDIT-6")]


def test_a_signed_head_of_another_history_convicts_the_server_if_it_signed_this_one_too(
    scene: Scene,
) -> None:
    other = signed(scene.company, scene.origin, Head(2, b"\x07" * 32))
    alone = scene.audit(notes=[other]).report
    assert rules(alone) == [(Weight.FAULT, "AUDIT-6")]
    both = scene.audit(
        notes=[other], receipts=[receipt_for(scene.company, scene.unit.unit_id, scene.log)]
    ).report
    assert rules(both) == [(Weight.PROVEN, "AUDIT-6")]


def test_two_signed_histories_convict_the_server_audit_7(scene: Scene) -> None:
    receipts = [
        receipt_for(scene.company, scene.unit.unit_id, Head(4, other * 32))
        for other in (b"\x01", b"\x02")
    ]
    report = scene.audit(receipts=receipts).report
    assert (Weight.PROVEN, "AUDIT-7") in rules(report)


def test_a_receipt_whose_entry_is_gone_already_is_found_audit_9(scene: Scene) -> None:
    entries, n = list(scene.unit.entries), message_at(scene)
    header = entries[n].header
    head = Head(header.sequence, gate.header_hash(header))
    entries[n] = without_content(entries[n])
    deadline = retain_until(header.accepted_at, RETENTION_S)
    promised = receipt_for(scene.company, scene.unit.unit_id, head, retain_until=deadline)
    report = scene.audit(entries=entries, receipts=[promised], at=deadline - 1).report
    assert {rule for _, rule in rules(report)} == {"AUDIT-4", "AUDIT-9"}


def test_a_bad_signature_is_found(scene: Scene) -> None:
    note = bytearray(signed(scene.company, scene.origin, scene.log))
    note[-5] = ord("A") if note[-5] != ord("A") else ord("B")
    receipt = bytearray(receipt_for(scene.company, scene.unit.unit_id, scene.log))
    receipt[-1] ^= 1
    report = scene.audit(notes=[bytes(note)], receipts=[bytes(receipt)]).report
    assert [weight for weight, _ in rules(report)] == [Weight.FAULT] * 2


# ------------------------------------------------------------------ alarms


def test_two_notes_in_an_alarm_convict_the_server(scene: Scene) -> None:
    heads = Head(3, b"\x01" * 32), Head(3, b"\x02" * 32)
    notes = [signed(scene.company, scene.origin, head) for head in heads]
    split = SplitView(scene.origin, *heads, b"".join(notes))
    report = scene.audit(alarms=[scene.alarm("CHECKPOINT-3", Contradiction(split))]).report
    assert (Weight.PROVEN, "CHECKPOINT-3") in rules(report)


def test_one_note_against_the_log_shows_the_fork(scene: Scene) -> None:
    entry = scene.unit.entries[3]
    ours = Head(4, gate.header_hash(entry.header))
    theirs = Head(4, b"\x02" * 32)
    note = signed(scene.company, scene.origin, theirs)
    alarm = scene.alarm("LOG-8", Contradiction(SplitView("log", ours, theirs, note)))
    assert (Weight.SHOWN, "LOG-8") in rules(scene.audit(alarms=[alarm]).report)
    whole = scene.audit(alarms=[alarm], notes=[signed(scene.company, scene.origin, scene.log)])
    assert (Weight.PROVEN, "LOG-8") in rules(whole.report)


def test_what_a_sender_said_is_a_claim(scene: Scene) -> None:
    said = scene.unit.said(scene.company.ada)
    theirs = scene.unit.of(scene.company.ada).view.log.head
    ours = dataclasses.replace(theirs, hash=b"\x01" * 32)
    alarm = scene.alarm("LOG-8", Contradiction(SplitView("log", ours, theirs, said)))
    assert rules(scene.audit(alarms=[alarm]).report) == [(Weight.CLAIMED, "LOG-8")]


def test_refused_entries_are_refused_again_by_the_same_rule(scene: Scene) -> None:
    good = scene.unit.entries[-1]
    header = dataclasses.replace(good.header, previous=b"\x00" * 32)
    bad = encode(LogEntry(header, good.content))
    after = Head(good.header.sequence - 1, good.header.previous)
    shown = scene.alarm("LOG-3", RefusedEntries("log", after, (bad,)))
    assert rules(scene.audit(alarms=[shown]).report) == [(Weight.SHOWN, "LOG-3")]
    roster = encode(scene.company.entries[-1])
    last = scene.company.entries[-1].tbs.previous
    forged = RefusedEntries("roster", last, (roster[:-1] + bytes([roster[-1] ^ 1]),))
    assert rules(scene.audit(alarms=[scene.alarm("LEDGER-4", forged)]).report) == [
        (Weight.SHOWN, "LEDGER-4")
    ]


@pytest.mark.parametrize("ledger", ["log", "roster", "charter"])
def test_evidence_that_shows_nothing_is_said_so_audit_8(scene: Scene, ledger: str) -> None:
    good = scene.unit.entries[-1]
    after = Head(good.header.sequence - 1, good.header.previous)
    entries: dict[str, RefusedEntries] = {
        "log": RefusedEntries("log", after, (encode(good),)),
        "roster": RefusedEntries(
            "roster",
            scene.company.entries[-1].tbs.previous,
            (encode(scene.company.entries[-1]),),
        ),
        "charter": RefusedEntries("charter", scene.unit.charter.head, ()),
    }
    report = scene.audit(alarms=[scene.alarm("GATE-5", entries[ledger])]).report
    assert rules(report) == [(Weight.CLAIMED, "AUDIT-8")]


@pytest.mark.parametrize(
    ("rule", "make", "weight"),
    [
        ("CHECKPOINT-4", lambda _: RefusedStatement(b""), Weight.CLAIMED),
        ("NOTE-1", lambda _: RefusedStatement(b"no note"), Weight.SHOWN),
        (
            "CHECKPOINT-2",
            lambda s: RefusedStatement(signed(s.company, s.origin, s.log)),
            Weight.SHOWN,
        ),
        ("RECEIPT-1", lambda _: RefusedStatement(b"no receipt"), Weight.SHOWN),
        ("ALARM-1", lambda _: Observed(), Weight.CLAIMED),
    ],
)
def test_statements_and_observations_have_their_weight(
    scene: Scene, rule: str, make: Callable[[Scene], Evidence], weight: Weight
) -> None:
    report = scene.audit(alarms=[scene.alarm(rule, make(scene))]).report
    assert rules(report) == [(weight, rule)]


# ------------------------------------------------------------------ two exports


def forked() -> tuple[Audited, Audited]:
    """Ada and Bo, who were shown two logs from some entry on; each has a receipt of his own."""
    exports = []
    for text in (b"to one", b"to the other"):
        scene = Scene()  # the same, byte by byte
        scene.unit.send(scene.company.ada, text)
        receipt = receipt_for(scene.company, scene.unit.unit_id, scene.log)
        exports.append(scene.audit(receipts=[receipt]))
    return exports[0], exports[1]


def test_two_exports_that_differ_convict_the_server_that_signed_both_audit_10() -> None:
    one, other = forked()
    assert one.report.is_clean
    assert other.report.is_clean
    compare(one, other)
    assert rules(one.report) == [(Weight.PROVEN, "AUDIT-10")]


def test_exports_of_different_workspaces_are_not_compared() -> None:
    one = read_back(export_of(Company("one")))
    other = read_back(export_of(Company("other")))
    with pytest.raises(UsageError, match="different workspaces"):
        compare(one, other)
