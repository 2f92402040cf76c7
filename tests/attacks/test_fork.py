"""B1, at its worst: two commits for one epoch, each shown to one half, by the client's own core."""

from __future__ import annotations

import pytest

from mifeng_crypto.log import EntryKind
from tests.attacks.adversary import Adversary, attack
from tests.client.core.world import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("epochs", [1, 2])
@attack("one history of the log")
def test_b1_two_halves_are_given_two_commits_for_one_epoch(
    adversary: Adversary, world: World, epochs: int
) -> None:
    # The keys have parted as well: what comes over from the other half does not even decrypt.
    ada, ben, log = world.ada, world.ben, world.log
    fork = log.head, log.epoch
    own = log.append(EntryKind.COMMIT, ada.commit(), by=ada.person.device_id, at=ada.now)
    if adversary.on:
        ada.apply(own)
        adas = log.head, log.epoch
        log.head, log.epoch = fork
        for _ in range(epochs):
            message = ben.commit()
            ben.apply(log.append(EntryKind.COMMIT, message, by=ben.person.device_id, at=ben.now))
        log.head, log.epoch = adas
    else:
        ada.apply(own)
        ben.apply(own)
    ben.queue(b"hello from the other half")
    entry = world.accept(EntryKind.MESSAGE, ben.seal(), ben)
    before = ada.unit
    with adversary.refused("LOG-8"):
        ada.apply(entry)
    if adversary.on:
        assert ada.unit is before, "O3"
