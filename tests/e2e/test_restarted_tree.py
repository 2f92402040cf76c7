"""A server that starts again knows the units that managers of a parent have made and changed."""

from __future__ import annotations

from pathlib import Path

import mifeng
from mifeng_crypto.ledger.charter_entry import UnitRole
from tests.e2e.people import PASSPHRASE, cast
from tests.support.server import running_server


async def test_what_a_parents_manager_signed_is_read_again_after_a_restart(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.grant(c.ada.person("Ben"), UnitRole.MANAGER)
        await c.ben.sync()
        lab = await c.ben.create_unit("Lab", parent=c.bens)
        inner = await c.ben.create_unit("Inner lab", parent=lab)
        await c.ben.sync()
        await inner.grant(c.ben.person("Ada"))
        ids = lab.id, inner.id
    async with (
        running_server(tmp_path, restart=True),
        mifeng.open(tmp_path / "ben", passphrase=PASSPHRASE) as ben,
    ):
        for unit_id in ids:
            await ben.unit(unit_id.hex()).send("we are still here")
