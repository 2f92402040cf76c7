"""A short form of `make interop`; it skips where a peer is not installed."""

from __future__ import annotations

import pytest

from tests.interop import history, steps
from tests.interop.peer import NAMES, Peer, missing

LACKING = {  # what a peer does not offer
    "ts-mls": set(),
    "rine": {"creator updates", "joiner updates"},
}


@pytest.mark.parametrize("other", NAMES)
@pytest.mark.parametrize("creates", [True, False])
def test_thirteen_steps_with_another_implementation(other: str, creates: bool) -> None:
    lack = missing(other)
    if lack is not None:
        pytest.skip(lack)
    with Peer("mifeng") as own, Peer(other) as peer:
        done = steps.run(own, peer, 1) if creates else steps.run(peer, own, 1)
    failed = {step for step, how in done.items() if how != "ok"}
    assert failed <= LACKING[other], done
    assert len(done) == 13


@pytest.mark.parametrize("other", NAMES)
def test_a_short_random_history_ends_in_agreement(other: str) -> None:
    lack = missing(other)
    if lack is not None:
        pytest.skip(lack)
    with Peer("mifeng") as own, Peer(other) as peer:
        done = history.run(own, peer, 1, steps=30, seed=1)
    assert sum(done[what] for what in history.CHANCES) == 30
