"""Leaves that were not renewed: who may, who must remove them, and the day after a holiday."""

from __future__ import annotations

import pytest

from mifeng_crypto import gate
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.mls.group import LeafIndex
from tests.support.company import HOUR, Company, Person
from tests.support.unit import Unit

DAY = 24 * HOUR


@pytest.fixture
def company() -> Company:
    return Company()


@pytest.fixture
def cy(company: Company) -> Person:
    return company.hire("Cy")


@pytest.fixture
def unit(company: Company, cy: Person) -> Unit:
    """A unit with Ada, Bo and Cy, who never commits."""
    unit = Unit(company)
    unit.add(company.hire("Bo"), cy)
    return unit


def leaf_of(unit: Unit, who: Person) -> LeafIndex:
    return unit.server.standing.leaves[who.device_id]


def days_pass(unit: Unit, n: int) -> None:
    """Everybody but Cy commits each day."""
    by = [member.who for member in unit.members.values() if member.who.name != "Cy"]
    for _ in range(n):
        unit.company.tick(DAY - len(by) * 2000)
        for who in by:
            unit.send_commit(who, unit.commit(who))


def refused(rule: str, unit: Unit, *remove: LeafIndex) -> None:
    pending = unit.commit(unit.creator, remove=remove)
    with pytest.raises(ProtocolError) as error:
        unit.send_commit(unit.creator, pending)
    assert error.value.rule == rule


def test_a_leaf_is_removed_for_its_age_after_a_week_and_not_before_gate_14(
    unit: Unit, cy: Person
) -> None:
    days_pass(unit, 6)
    assert gate.leaves_too_old(unit.server, unit.company.now) == ()
    refused("GATE-14", unit, leaf_of(unit, cy))
    days_pass(unit, 1)
    unit.company.tick(HOUR)
    assert gate.leaves_too_old(unit.server, unit.company.now) == (leaf_of(unit, cy),)
    refused("GATE-14", unit, leaf_of(unit, cy), LeafIndex(1))  # Bo's is fresh
    unit.send(unit.creator, b"nobody waits for it")
    unit.send_commit(unit.creator, unit.commit(unit.creator, remove=[leaf_of(unit, cy)]))
    assert unit.of(cy).epoch is None
    # He is a member still, and to be let in again.
    assert gate.adds_missing(unit.server, unit.company.now) == (cy.device_id,)


def test_a_day_later_every_commit_with_a_path_removes_it_gate_33(unit: Unit, cy: Person) -> None:
    days_pass(unit, 7)
    unit.company.tick(HOUR)
    unit.send_commit(unit.creator, unit.commit(unit.creator))  # may keep it
    unit.company.tick(DAY)
    refused("GATE-33", unit)
    unit.send_commit(unit.creator, unit.commit(unit.creator, remove=[leaf_of(unit, cy)]))
    unit.everyone_can_message_everyone()


def test_after_a_holiday_those_who_come_back_have_a_day_to_renew_their_leaves(
    unit: Unit, cy: Person
) -> None:
    unit.company.tick(9 * DAY)
    refused("GATE-14", unit, leaf_of(unit, cy))
    unit.send_commit(unit.creator, unit.commit(unit.creator))
    assert unit.server.steady_since == unit.server.rotated_at
    for _ in range(3):
        unit.company.tick(6 * HOUR)
        assert gate.leaves_too_old(unit.server, unit.company.now) == ()
        refused("GATE-14", unit, leaf_of(unit, cy))
    unit.send_commit(cy, unit.commit(cy))
    unit.company.tick(7 * HOUR)
    bo = LeafIndex(1)
    assert gate.leaves_too_old(unit.server, unit.company.now) == (bo,)
    unit.send_commit(cy, unit.commit(cy, remove=[bo]))
    unit.everyone_can_message_everyone()


def test_a_newcomer_judges_the_age_of_leaves_as_everybody_does(unit: Unit, cy: Person) -> None:
    unit.company.tick(9 * DAY)
    unit.add(unit.company.hire("Di"))
    views = [member.view for member in unit.members.values() if member.epoch is not None]
    assert {view.steady_since for view in views} == {unit.server.steady_since}
    unit.company.tick(25 * HOUR)
    di = list(unit.members.values())[-1].who
    unit.send_commit(di, unit.commit(di, remove=gate.leaves_too_old(unit.server, unit.company.now)))
    assert unit.of(cy).epoch is None


def test_first_renewals_of_those_who_were_added_together_fall_within_a_day_in_an_order_of_chance(
    company: Company,
) -> None:
    unit = Unit(company)
    people = [company.hire(f"P{n}") for n in range(12)]
    unit.add(*people)
    view, half = unit.server, 7 * DAY // 2

    def due_after(who: Person) -> int:
        """Hours from when the leaf was made until its renewal is due."""
        leaf, made = leaf_of(unit, who), view.standing.made[leaf_of(unit, who)]
        hours = (n for n in range(200) if gate.renewal_due(view, leaf, UnixMillis(made + n * HOUR)))
        return next(hours)

    hours = [due_after(who) for who in people]
    assert all((half - DAY) // HOUR <= n <= half // HOUR + 1 for n in hours)
    assert len(set(hours)) > 3, "not all at once"
    assert hours != sorted(hours), "not in the order of the tree"
    unit.send_commit(people[0], unit.commit(people[0]))
    view = unit.server
    assert due_after(people[0]) == half // HOUR + 1, "one that was renewed has all of its time"
