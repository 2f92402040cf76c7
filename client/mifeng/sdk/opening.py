"""Open a profile, or make one: by founding a workspace or by joining it.

The only place of the SDK that knows a clock and a source of randomness; below they are parameters.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncGenerator
from pathlib import Path

from mifeng.keychain import Keyring, KeySource, Passphrase
from mifeng.sdk.workspace import Workspace
from mifeng.session import Session, enrolment
from mifeng.session.home import Home
from mifeng_crypto.ids import UnixMillis

__all__ = ["found", "join", "open_profile", "unlock"]


def _now() -> UnixMillis:
    return UnixMillis(time.time_ns() // 1_000_000)


def _uptime_ms() -> int:
    """A clock that nobody sets; where there is one, one that goes on while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // 1_000_000


def _folder(profile: str | Path) -> Path:
    return Path(profile).expanduser()


def _source(passphrase: str | Passphrase | None) -> KeySource:
    if passphrase is None:
        return Keyring()
    return Passphrase(passphrase) if isinstance(passphrase, str) else passphrase


@contextlib.asynccontextmanager
async def unlock(
    profile: str | Path, *, passphrase: str | Passphrase | None
) -> AsyncGenerator[Workspace, None]:
    """Open a profile as it is on the disk, without a word to the server: a screen shows it at once.

    `Workspace.events` goes online; `Workspace.sync` catches up.
    """
    home = await Home.open(_folder(profile), _source(passphrase), rng=os.urandom)
    try:
        session = await Session.load(home, now=_now, rng=os.urandom)
    except BaseException:
        await home.close()
        raise
    async with _in_use(session) as workspace:
        yield workspace


@contextlib.asynccontextmanager
async def open_profile(
    profile: str | Path, *, passphrase: str | Passphrase | None
) -> AsyncGenerator[Workspace, None]:
    """See `mifeng.open`."""
    async with unlock(profile, passphrase=passphrase) as workspace:
        await workspace.sync()
        yield workspace


@contextlib.asynccontextmanager
async def _in_use(session: Session) -> AsyncGenerator[Workspace, None]:
    """Close the session, however its user leaves it."""
    try:
        session.expire_on_time(uptime_ms=_uptime_ms)
        yield Workspace(session)
    finally:
        await session.close()


@contextlib.asynccontextmanager
async def found(
    link: str,
    profile: str | Path,
    *,
    name: str,
    title: str,
    passphrase: str | Passphrase | None,
) -> AsyncGenerator[Workspace, None]:
    """See `mifeng.found`."""
    enrolled = await enrolment.found(
        _folder(profile),
        _source(passphrase),
        link,
        name=name,
        title=title,
        now=_now,
        rng=os.urandom,
    )
    async with _in_use(enrolled) as workspace:
        yield workspace


@contextlib.asynccontextmanager
async def join(
    link: str,
    profile: str | Path,
    *,
    name: str,
    title: str,
    passphrase: str | Passphrase | None,
) -> AsyncGenerator[Workspace, None]:
    """See `mifeng.join`."""
    enrolled = await enrolment.join(
        _folder(profile),
        _source(passphrase),
        link,
        name=name,
        title=title,
        now=_now,
        rng=os.urandom,
    )
    async with _in_use(enrolled) as workspace:
        yield workspace
