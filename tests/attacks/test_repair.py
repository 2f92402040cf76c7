"""B3, B30: keys that do not fit, keys that are never renewed; and how the unit goes on."""

from __future__ import annotations

import dataclasses

from mifeng_crypto.ids import PROTOCOL_VERSION
from mifeng_crypto.labels import sign_mifeng
from mifeng_crypto.ledger.head import EMPTY, Head
from mifeng_crypto.log import EntryKind, NeedsReadd, NeedsReaddTBS
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import encode
from tests.attacks.adversary import Adversary, attack
from tests.attacks.insider import Insider
from tests.attacks.stage import Stage
from tests.support.company import HOUR, Person
from tests.support.unit import key_package
from tests.vectors_own.mallory import Path

DAY = 24 * HOUR


def asks(stage: Stage, who: Person, stuck: Head, rule: str) -> None:
    """A device says, in the log, that it cannot go on."""
    unit = stage.unit
    tbs = NeedsReaddTBS(
        version=PROTOCOL_VERSION,
        group=unit.group,
        epoch=unit.server.public.epoch,
        device_id=who.device_id,
        log=EMPTY,
        stuck=stuck,
        seen=unit.server.log.head,
        rule=rule,
        time=stage.company.now,
    )
    said = encode(NeedsReadd(tbs, sign_mifeng(who.key, "NeedsReadd", encode(tbs))))
    unit.append(EntryKind.READD, said, who.device_id)
    unit.server = dataclasses.replace(unit.server, asked=unit.server.asked | {who.device_id})


@attack("the secrets of a path")
def test_b3_a_commit_gives_one_member_other_secrets_than_the_rest(
    adversary: Adversary, stage: Stage
) -> None:
    unit, cy = stage.unit, stage.unit.of(stage.cy)
    assert cy.epoch is not None
    above = unit.server.public.tree.n_leaves - 1  # the root: what Cy's side is given

    def bent(secrets: dict[int, Secret]) -> dict[int, Secret]:
        return {x: Secret(bytes(len(s))) if x == above else s for x, s in secrets.items()}

    mallory = Insider(unit, stage.bo)
    path = Path(secrets=bent) if adversary.on else Path()  # type: ignore[arg-type]
    forged = mallory.commit(path=path)
    unit.accept_commit(forged.message, stage.bo.device_id)  # its public half is in order
    entry, held = unit.entries[-1], (cy.epoch, cy.view)
    del unit.members[stage.bo.device_id]  # what Mallory makes of it himself is nobody's concern
    unit.apply(unit.of(stage.ada), entry)
    with adversary.refused("RFC9420-7.5-6"):
        unit.apply(cy, entry)
    if adversary.on:
        assert (cy.epoch, cy.view) == held, "O3: the victim has changed"
        # It says so, and is let in again by whoever could process it; it rejoins nowhere by itself.
        del unit.members[stage.cy.device_id]
        asks(stage, stage.cy, unit.server.log.head, "RFC9420-7.5-6")
        unit.sync()
        bundle = key_package(stage.company, stage.cy)
        leaf = unit.server.standing.leaves[stage.cy.device_id]
        pending = unit.commit(stage.ada, add=[bundle], remove=[leaf])
        unit.send_commit(stage.ada, pending)
        unit.enter(stage.cy, pending, bundle)
    stage.goes_on()


@attack("no leaf grows too old")
def test_b30_a_device_that_has_been_away_for_weeks_is_kept_in_the_group(
    adversary: Adversary, stage: Stage
) -> None:
    unit, cy = stage.unit, stage.unit.server.standing.leaves[stage.cy.device_id]
    for _ in range(7):
        stage.company.tick(DAY)
        for who in (stage.ada, stage.bo):
            unit.send_commit(who, unit.commit(who))
    stage.company.tick(26 * HOUR)
    pending = unit.commit(stage.bo, remove=[] if adversary.on else [cy])
    stage.commits(stage.bo, pending, "GATE-33")
    if adversary.on:
        unit.send_commit(stage.ada, unit.commit(stage.ada, remove=[cy]))
    assert unit.of(stage.cy).epoch is None
    bundle = key_package(stage.company, stage.cy)
    pending = unit.commit(stage.ada, add=[bundle])
    unit.send_commit(stage.ada, pending)
    unit.enter(stage.cy, pending, bundle)
    stage.goes_on()
