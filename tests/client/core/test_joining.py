"""A Welcome is believed only where ledgers, tree and log agree with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import msgspec
import pytest

from mifeng.core import joining, key_packages
from mifeng.core.unit import Unit
from mifeng_crypto.api.messages import WelcomeItem
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.gate import LogPosition
from mifeng_crypto.ids import GroupId, UnixMillis
from mifeng_crypto.ledger.charter_entry import Grant, Restart, UnitRole
from mifeng_crypto.ledger.head import EMPTY, Head
from mifeng_crypto.log import (
    UNIT_WELCOME_EXTENSION,
    AuthenticatedData,
    EntryKind,
    Heads,
    LogEntry,
    UnitWelcome,
)
from mifeng_crypto.mls import group as mls
from mifeng_crypto.mls.group import KeyPackageBundle
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.tls import decode, encode
from tests.client.core.world import World, profile_of
from tests.support.company import SUITE

Change = Callable[[AuthenticatedData], AuthenticatedData]


class Invited:
    """Cai is granted; Ada makes the commit and its Welcome, and may say in both what she likes."""

    def __init__(
        self,
        change: Change = lambda said: said,
        *,
        tells: Change | None = None,
        with_welcome: bool = True,
    ) -> None:
        self.world = World()
        world, company = self.world, self.world.company
        cai = company.hire("Cai")
        world.amend(Grant(cai.member_id, UnitRole.MEMBER))
        profile = profile_of(company, cai)
        _, rows = key_packages.make(profile, 1, suite_id=SUITE, now=company.now, rng=company.rng)
        self.bundle = decode(KeyPackageBundle, next(iter(rows.values())) or b"")
        unit = world.ada.unit
        state = unit.view(company.roster).state
        said = change(
            decode(
                AuthenticatedData,
                unit.authenticated_data(company.roster, state=state, now=company.now),
            )
        )
        welcome = Extension(
            UNIT_WELCOME_EXTENSION,
            encode(UnitWelcome("Research", "", encode(tells(said) if tells else said))),
        )
        pending = mls.commit(
            unit.active_epoch,
            signature_key=world.ada.profile.signature_key,
            add=[mls.verify_key_package(self.bundle.key_package, now_s=company.now // 1000)],
            path=False,
            authenticated_data=encode(said),
            group_info_extensions=(welcome,) if with_welcome else (),
            now_s=company.now // 1000,
            rng=company.rng,
        )
        assert pending.welcome is not None
        self.entry = world.log.append(
            EntryKind.COMMIT, pending.message, by=world.ada.person.device_id, at=company.tick()
        )
        self.tree = encode(pending.staged.after.tree.to_wire())
        self.item = WelcomeItem(
            welcome_id=bytes(16),
            unit_id=world.unit_id,
            generation=0,
            sequence=world.log.head.sequence,
            welcome=pending.welcome,
            tree_hash=bytes(32),
        )

    def join(self, item: WelcomeItem | None = None, entry: LogEntry | None = None) -> Unit:
        item = item or self.item
        joining.refs(item)
        opened = joining.open_welcome(item, self.bundle, self.tree)
        return joining.accept(
            item,
            opened,
            [entry or decode(LogEntry, self.entry)],
            roster=self.world.company.roster,
            charter=self.world.charter,
        )


def test_an_honest_welcome_lets_in() -> None:
    Invited().join()


def test_client_4_a_welcome_for_another_unit_is_refused() -> None:
    invited = Invited()
    other = msgspec.structs.replace(invited.item, unit_id=bytes(16))
    with pytest.raises(ProtocolError) as caught:
        invited.join(other)
    assert caught.value.rule == "CLIENT-4"


def test_client_5_a_welcome_that_does_not_say_where_the_log_stands_is_refused() -> None:
    with pytest.raises(ProtocolError) as caught:
        Invited(with_welcome=False).join()
    assert caught.value.rule == "CLIENT-5"


def test_client_6_something_else_than_a_welcome_is_refused() -> None:
    invited = Invited()
    commit = decode(LogEntry, invited.entry).content
    with pytest.raises(ProtocolError) as caught:
        invited.join(msgspec.structs.replace(invited.item, welcome=commit))
    assert caught.value.rule == "CLIENT-6"


def of(said: AuthenticatedData, **changes: object) -> AuthenticatedData:
    assert said.unit is not None
    return dataclasses.replace(said, unit=dataclasses.replace(said.unit, **changes))  # type: ignore[arg-type]


def on_another_roster(said: AuthenticatedData) -> Heads:
    assert said.unit is not None
    heads = said.unit.heads
    return dataclasses.replace(heads, roster=Head(heads.roster.sequence, bytes(32)))


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("LOG-3", lambda said: dataclasses.replace(said, log=Head(said.log.sequence, bytes(32)))),
        (
            "LOG-2",
            lambda said: dataclasses.replace(said, log=Head(said.log.sequence - 1, said.log.hash)),
        ),
        (
            "LEDGER-8",
            lambda said: dataclasses.replace(said, roster=Head(said.roster.sequence, bytes(32))),
        ),
        (
            "LEDGER-8",
            lambda said: dataclasses.replace(said, charter=Head(said.charter.sequence, bytes(32))),
        ),
        ("LEDGER-8", lambda said: of(said, heads=on_another_roster(said))),
        ("GATE-36", lambda said: dataclasses.replace(said, unit=None)),
        ("LOG-5", lambda said: of(said, rotated_at=UnixMillis(said.time + 3_600_000))),
        ("LOG-5", lambda said: of(said, steady_since=UnixMillis(said.time + 1))),
    ],
)
def test_a_welcome_from_another_history_is_refused(rule: str, change: Change) -> None:
    with pytest.raises(ProtocolError) as caught:
        Invited(change).join()
    assert caught.value.rule == rule


@pytest.mark.parametrize(
    "tells",
    [
        lambda said: of(said, rotated_at=UnixMillis(0)),
        lambda said: of(said, steady_since=UnixMillis(0)),
        lambda said: dataclasses.replace(said, log=EMPTY),
        lambda said: dataclasses.replace(said, unit=None),
    ],
)
def test_a_welcome_that_says_something_else_than_its_commit_is_refused_gate_38(
    tells: Change,
) -> None:
    with pytest.raises(ProtocolError) as caught:
        Invited(tells=tells).join()
    assert caught.value.rule == "GATE-38"


def test_a_welcome_whose_commit_is_not_in_the_log_is_refused() -> None:
    invited = Invited()
    world = invited.world
    entry = decode(LogEntry, invited.entry)
    world.log.head = world.ada.unit.log.head
    world.log.epoch -= 1
    other = decode(LogEntry, world.accept(EntryKind.COMMIT, world.ben.commit(), world.ben))
    assert other.header.sequence == entry.header.sequence
    with pytest.raises(ProtocolError) as caught:
        invited.join(entry=other)
    assert caught.value.rule == "GATE-28"


def test_group_ids_name_unit_and_generation() -> None:
    world = World()
    group = decode(GroupId, world.ada.unit.active_epoch.public.group_id)
    assert group == GroupId(world.unit_id, 0)


@pytest.mark.parametrize(("generation", "further"), [(1, 0), (1, 20_000), (0, 20_000)])
def test_a_welcome_that_leads_back_or_nowhere_is_refused_client_13(
    generation: int, further: int
) -> None:
    invited = Invited()
    world, item = invited.world, invited.item
    joining.check_generation(item, world.charter, None)
    joining.check_generation(item, world.charter, world.ben.unit)
    forged = msgspec.structs.replace(item, generation=generation, sequence=item.sequence + further)
    if generation == 0:  # one of the generation that is over
        world.charter = world.amended(Restart(1, world.log.head))
    with pytest.raises(ProtocolError) as caught:
        joining.check_generation(forged, world.charter, world.ben.unit)
    assert caught.value.rule == "CLIENT-13"


def test_a_welcome_to_where_this_device_has_been_further_is_refused_client_13() -> None:
    invited = Invited()
    world = invited.world
    charter = world.amended(Restart(1, world.log.head))
    begins = charter.generation().begins
    item = msgspec.structs.replace(invited.item, generation=1, sequence=begins + 2)
    joining.check_generation(item, charter, world.ben.unit)
    further = dataclasses.replace(
        world.ben.unit, log=LogPosition(0, [bytes(32)] * (begins + 3), begins + 2, 0)
    )
    for bad, before in ((msgspec.structs.replace(item, sequence=begins), None), (item, further)):
        with pytest.raises(ProtocolError) as caught:
            joining.check_generation(bad, charter, before)
        assert caught.value.rule == "CLIENT-13"
