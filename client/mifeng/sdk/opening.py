"""Open a profile, or make one: found a workspace, join it, come back to it, or be linked.

The only place of the SDK that knows a clock and a source of randomness; below they are parameters.
"""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import AsyncGenerator
from pathlib import Path

from mifeng.core.sheet import RecoverySheet
from mifeng.home import Home
from mifeng.keychain import Passphrase, source_of
from mifeng.sdk.workspace import Workspace
from mifeng.session import Session, enrolment
from mifeng.session.enrolment import Keep, Show
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.roster_entry import MemberKind
from mifeng_crypto.linking import MAX_NAME

__all__ = ["found", "join", "link", "open_profile", "recover", "unlock", "unlocked"]


def _now() -> UnixMillis:
    return UnixMillis(time.time_ns() // 1_000_000)


def _uptime_ms() -> int:
    """A clock that nobody sets; where there is one, one that goes on while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // 1_000_000


def _folder(profile: str | Path) -> Path:
    return Path(profile).expanduser()


@contextlib.asynccontextmanager
async def unlock(
    profile: str | Path, *, passphrase: str | Passphrase | None
) -> AsyncGenerator[Workspace, None]:
    """Open a profile as it is on the disk, without a word to the server: a screen shows it at once.

    `Workspace.events` goes online; `Workspace.sync` catches up.
    """
    home = await Home.open(_folder(profile), source_of(passphrase), rng=os.urandom)
    async with unlocked(home) as workspace:
        yield workspace


@contextlib.asynccontextmanager
async def unlocked(home: Home) -> AsyncGenerator[Workspace, None]:
    """The same with a profile that this process has unlocked; it is closed at the end."""
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
    device_name: str | None,
    keep_sheet: Keep | None,
    passphrase: str | Passphrase | None,
) -> AsyncGenerator[Workspace, None]:
    """See `mifeng.found`."""
    enrolled = await enrolment.found(
        _folder(profile),
        source_of(passphrase),
        link,
        name=name,
        title=title,
        device_name=_device_name(device_name),
        keep=keep_sheet,
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
    device_name: str | None,
    keep_sheet: Keep | None,
    kind: MemberKind,
    passphrase: str | Passphrase | None,
) -> AsyncGenerator[Workspace, None]:
    """See `mifeng.join`."""
    enrolled = await enrolment.join(
        _folder(profile),
        source_of(passphrase),
        link,
        name=name,
        title=title,
        device_name=_device_name(device_name),
        keep=keep_sheet,
        kind=kind,
        now=_now,
        rng=os.urandom,
    )
    async with _in_use(enrolled) as workspace:
        yield workspace


@contextlib.asynccontextmanager
async def recover(
    sheet: RecoverySheet,
    profile: str | Path,
    *,
    device_name: str | None,
    keep_sheet: Keep,
    passphrase: str | Passphrase | None,
) -> AsyncGenerator[Workspace, None]:
    """See `mifeng.recover`."""
    enrolled = await enrolment.recover(
        _folder(profile),
        source_of(passphrase),
        sheet,
        device_name=_device_name(device_name),
        keep=keep_sheet,
        now=_now,
        rng=os.urandom,
    )
    async with _in_use(enrolled) as workspace:
        yield workspace


@contextlib.asynccontextmanager
async def link(
    link: str,
    profile: str | Path,
    *,
    show: Show,
    device_name: str | None,
    passphrase: str | Passphrase | None,
) -> AsyncGenerator[Workspace, None]:
    """See `mifeng.link`."""
    enrolled = await enrolment.link_device(
        _folder(profile),
        source_of(passphrase),
        link,
        device_name=_device_name(device_name),
        system=_system(),
        show=show,
        now=_now,
        rng=os.urandom,
    )
    async with _in_use(enrolled) as workspace:
        yield workspace


def _device_name(told: str | None) -> str:
    """What a device is called: as told, or as the machine is."""
    name = told if told is not None else platform.node().partition(".")[0]
    return "".join(c for c in name if c.isprintable()).strip()[:MAX_NAME] or _system()


def _system() -> str:
    return {"Darwin": "macOS"}.get(platform.system(), platform.system()) or "?"
