"""Ledgers and the gate: replaying a roster, one new entry, and judging in a unit of 1,000."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from bench.figure import Figure, median_ms
from mifeng_crypto import gate
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.mls.group import StagedCommit
from mifeng_crypto.tls import encode
from tests.support.company import Company, Person
from tests.support.unit import Unit, key_package

__all__ = ["measure"]

MEMBERS = 5_000
PEOPLE = 1_000
LEDGER_TABLE = "A roster of 10,001 entries"
GATE_TABLE = f"The gate, in a unit of {PEOPLE:,} people"


def measure() -> Iterator[Figure]:
    """Yield all figures of this section."""
    company = Company("bench")
    people = [company.hire(f"P{n}") for n in range(MEMBERS)]
    yield from _roster(company)
    yield from _gate(company, people[: PEOPLE - 1])


def _roster(company: Company) -> Iterator[Figure]:
    entries = [encode(entry) for entry in company.entries]
    roster = Roster.from_entries(entries)
    following = encode(company.invite_entry(company.person("New")))
    yield _figure(
        LEDGER_TABLE, "replay and verify", lambda: Roster.from_entries(entries), 3000, runs=3
    )
    yield _figure(LEDGER_TABLE, "append one entry", lambda: roster.append(following), 1)


def _gate(company: Company, people: list[Person]) -> Iterator[Figure]:
    unit = Unit(company)
    for who in people:
        company.grant(unit.unit_id, who)
    unit.write_heads()
    pending = unit.commit(company.ada, add=[key_package(company, who) for who in people])
    before, device_id = unit.server, company.ada.device_id

    def check(view: gate.UnitView, staged: StagedCommit) -> Callable[[], object]:
        return lambda: gate.check_commit(view, staged, accepted_at=company.now, device_id=device_id)

    yield _figure(GATE_TABLE, "a commit that adds all the others", check(before, pending.staged))
    unit.send_commit(company.ada, pending)
    full = unit.server
    yield _figure(GATE_TABLE, "a rotation", check(full, unit.commit(company.ada).staged))
    said = unit.said(company.ada)
    yield _figure(
        GATE_TABLE,
        "a message",
        lambda: gate.check_message(
            full, said, accepted_at=company.now, device_id=device_id, sender=None
        ),
    )
    yield _figure(
        GATE_TABLE,
        "every leaf, after `heads`",
        lambda: dataclasses.replace(full, known=None).standing,
    )


def _figure(
    table: str,
    row: str,
    act: Callable[[], object],
    target: float | None = None,
    *,
    runs: int = 15,
) -> Figure:
    value = median_ms(act, runs=runs)
    return Figure(table=table, row=row, column="median", value=value, unit="ms", target=target)
