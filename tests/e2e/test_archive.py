"""An archive joins, is granted, is shown to everybody, and reads from a day after on."""

from __future__ import annotations

import time
from pathlib import Path

import mifeng
from mifeng.cli.notices import notices
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.charter_entry import UnitRole
from mifeng_crypto.ledger.roster_entry import MemberKind, Role
from tests.e2e.people import PASSPHRASE, cast
from tests.support.server import ManualClock, running_server

HOUR = 3_600


async def test_an_archive_is_shown_at_once_and_reads_from_a_day_after_on(tmp_path: Path) -> None:
    clock = ManualClock(time.time_ns() // 1_000_000)
    async with running_server(tmp_path, clock=clock) as server, cast(tmp_path, server) as c:
        invitation = await c.ada.invite(Role.GUEST)
        async with mifeng.join(
            invitation.link,
            profile=tmp_path / "records",
            name="Records",
            kind="archive",
            passphrase=PASSPHRASE,
        ) as records:
            await c.ada.sync()
            archive = c.ada.person("Records")
            assert c.ada.kind_of(archive) is MemberKind.ARCHIVE
            assert not await c.adas.grant(archive)
            await c.adas.send("before")
            await c.ben.sync()
            await records.sync()
            (shown,) = c.bens.archives()
            assert shown.person.id == archive.id
            assert [m.role for m in c.bens.members()][-1] is UnitRole.ARCHIVE
            assert "Records" in notices(c.bens)[0]
            assert records.units() == []
            clock.advance(25 * HOUR)
            for workspace in (c.ada, c.ben, records):
                session = workspace._session
                session._wall = session.api.now = lambda: UnixMillis(clock.now())
            await c.ben.sync()
            await c.bens.send("after")
            await records.sync()
            (unit,) = records.units()
            assert [m.text for m in await unit.history()] == ["after"]
            assert "Records" in notices(unit)[0]
