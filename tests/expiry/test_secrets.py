"""Init, joiner, path and leaf secrets, one by one: none leads to a message whose time is over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.expiry.lineage import Ledger
from tests.expiry.secrets import Secrets
from tests.expiry.stage import HOUR, Stage, stage
from tests.expiry.test_lineage import ticks

Leak = Callable[[Stage, Secrets], Awaitable[None]]


@asynccontextmanager
async def listening(tmp_path: Path) -> AsyncIterator[tuple[Stage, Secrets]]:
    ledger = Ledger(now=lambda: 0)
    secrets = Secrets(ledger)
    with ledger.listening(), secrets.listening():
        async with stage(tmp_path, names=("Ben",)) as on:
            ledger.now = on.clock.now
            yield on, secrets


async def story(on: Stage, secrets: Secrets, leak: Leak | None = None) -> None:
    """Four days of talk over rotations by both, and then time until all of it is over."""
    await on.ada.unit.send("said in the epoch in which Ben came")
    await on.ben.sync()
    for n in range(4):
        await time_passes(on, secrets, 26)
        speaker, listener = (on.ada, on.ben) if n % 2 else (on.ben, on.ada)
        await speaker.unit.send(f"number {n}, in another epoch")
        await listener.sync()
        if leak is not None and n == 0:
            await leak(on, secrets)
    await time_passes(on, secrets, 90)


async def time_passes(on: Stage, secrets: Secrets, hours: int) -> None:
    """Timers look once a minute; here every six hours, and when something ends."""
    until = on.clock.now() + hours * HOUR * 1000
    looks = {*range(on.clock.now(), until, 6 * HOUR * 1000), until}
    looks |= {end + 60_000 for end in secrets.contents.values()}
    for moment in sorted(looks):
        if on.clock.now() < moment <= until:
            on.at(moment)
            await ticks(on)


async def test_no_secret_of_a_unit_leads_to_what_is_over(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    async with listening(tmp_path) as (on, secrets):
        await story(on, secrets)
        assert len(secrets.contents) >= 5
        for kind in ("joiner", "init", "path", "encryption"):
            assert len(set(secrets.named[kind])) >= 3, kind
        assert secrets.violations() == []
        assert secrets.without_mortal_keys() == []
        record_property(
            "secrets",
            {
                "derivations": len(secrets.parents),
                "joiner": len(set(secrets.named["joiner"])),
                "init": len(set(secrets.named["init"])),
                "path": len(set(secrets.named["path"])),
                "messages": len(secrets.contents),
            },
        )


async def _keep(on: Stage, *values: bytes) -> None:
    """A device that does not forget."""
    await on.ben.session.save({("profile", b"kept by mistake"): b"".join(values)})


async def _joiner(on: Stage, secrets: Secrets) -> None:
    await _keep(on, secrets.named["joiner"][-1])


async def _encryption(on: Stage, secrets: Secrets) -> None:
    await _keep(on, secrets.named["encryption"][-1])


async def _init(on: Stage, secrets: Secrets) -> None:
    """With the leaf's key, which lives for days, and a commit that was hoarded, that is enough."""
    await _keep(on, *secrets.named["init"])


async def _path(on: Stage, secrets: Secrets) -> None:
    await _keep(on, *secrets.named["path"], *secrets.named["init"])


LEAKS: dict[str, Leak] = {
    "a joiner secret": _joiner,
    "an encryption secret": _encryption,
    "the init secrets": _init,
    "path and init secrets": _path,
}


@pytest.mark.parametrize("name", LEAKS)
async def test_a_secret_that_is_kept_breaks_the_invariant(tmp_path: Path, name: str) -> None:
    async with listening(tmp_path) as (on, secrets):
        await story(on, secrets, LEAKS[name])
        assert secrets.violations(), "nobody sees it"


async def test_a_key_package_that_is_kept_after_joining_breaks_the_invariant(
    tmp_path: Path,
) -> None:
    async with listening(tmp_path) as (on, secrets):
        joined = [
            key
            for key in secrets.plaintexts
            if any(
                joiner in text
                for joiner in secrets.named["joiner"]
                for text in secrets.plaintexts[key]
            )
        ]
        assert joined, "the Welcome was opened with a KeyPackage's key"
        await _keep(on, *joined)
        await story(on, secrets)
        assert secrets.violations(), "nobody sees it"
