"""`mifeng audit-export` and `mifeng audit`: the whole way, through files and exit codes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import mifeng
from mifeng import sdk
from mifeng.cli.app import app
from mifeng_crypto.audit import Weight
from mifeng_crypto.audit.record import ReceiptRecord, read_records
from mifeng_crypto.errors import UsageError
from tests.attacks.evil_server import evil_server
from tests.e2e.people import cast
from tests.support.server import running_server


async def mifeng_cli(arguments: list[str]) -> Result:
    """Run a command beside this loop: it has one of its own."""
    return await asyncio.to_thread(CliRunner().invoke, app, arguments)


async def test_a_members_export_is_clean_holds_no_secret_and_shows_who_was_in(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.send("the plan is secret")
        await c.ben.sync()
        await c.adas.revoke(c.ada.person("Ben"))
        path, heard = tmp_path / "ada.audit", list[int]()
        n = await c.ada.export_for_audit(path, progress=heard.append)
        raw = path.read_bytes()
        session = c.ada._session
        for secret in (b"the plan", b"Research", b"Ada", session.profile.signature_key):
            assert secret not in raw
        assert path.stat().st_mode & 0o777 == 0o600
        with pytest.raises(UsageError, match="already"):
            await c.ada.export_for_audit(path)
        ada, ben = c.ada.me.id, c.ben.me.id
    (audited,) = sdk.audit_files([path])
    report = audited.report
    assert report.findings == []
    assert report.signed >= 4
    (log,) = report.units[c.adas.id].logs
    assert [(line.added, line.removed) for line in log.membership] == [
        ((ada,), ()),
        ((ben,), ()),
        ((), (ben,)),
    ]
    with path.open("rb") as file:
        assert sum(isinstance(r, ReceiptRecord) for r in read_records(file.read)) == 4
    assert n > 10
    told = await mifeng_cli(["--json", "audit", str(path)])
    assert told.exit_code == 0, told.output
    lines = [json.loads(line) for line in told.output.splitlines()]
    assert {line["type"] for line in lines} >= {"export", "roster", "charter", "log", "membership"}
    assert lines[-1]["clean"] is True
    shown = await mifeng_cli(["audit", str(path)])
    assert shown.exit_code == 0
    assert "Nothing is wrong" in shown.output


async def test_two_members_of_a_split_unit_convict_the_server_together(tmp_path: Path) -> None:
    """Both were shown a log of their own from one entry on; the server has signed both."""
    async with evil_server(tmp_path / "evil") as evil, cast(tmp_path, evil.server) as c:
        exports = []
        for name, who in (("ada", c.ada), ("ben", c.ben)):
            if name == "ben":
                # The server forgets what Ada has sent, and goes on with Ben.
                evil.look_away("check_commit")
            unit = who.unit("Research")
            await _forget_the_tail(evil.server.house, unit.id, c.bens._state.log.sequence)
            await unit.send(f"from {name}")
            path = tmp_path / f"{name}.audit"
            await who.export_for_audit(path)
            exports.append(path)
    one, other = sdk.audit_files(exports)
    assert one.report.is_clean
    proven = other.report.weighed([Weight.PROVEN])
    assert {finding.rule for finding in proven} == {"AUDIT-10"}
    told = await mifeng_cli(["audit", *map(str, exports)])
    assert told.exit_code == 7
    assert "AUDIT-10" in told.output


async def _forget_the_tail(house: object, unit_id: bytes, until: int) -> None:
    """Put a unit's log back, as a dishonest operator could."""
    from mifeng_crypto.gate import header_hash  # noqa: PLC0415 - for this one lie
    from mifeng_crypto.log import LogHeader  # noqa: PLC0415
    from mifeng_crypto.tls import decode  # noqa: PLC0415
    from mifeng_server.domain.house import House  # noqa: PLC0415
    from mifeng_server.domain.rows import (  # noqa: PLC0415
        ContentRow,
        Delete,
        LogRow,
        Put,
        UnitRow,
    )

    assert isinstance(house, House)
    row = await house.store.get(UnitRow, unit_id)
    assert row is not None
    last = await house.store.get(LogRow, unit_id, 0, until)
    assert last is not None
    header = decode(LogHeader, last.header)
    put_back = type(row)(
        **{
            **{name: getattr(row, name) for name in row.__dataclass_fields__},
            "log_sequence": until,
            "log_hash": header_hash(header),
            "accepted_at": header.accepted_at,
        }
    )
    gone = [
        Delete(kind, (unit_id, 0, n))
        for kind in (LogRow, ContentRow)
        for n in range(until + 1, row.log_sequence + 1)
    ]
    await house.store.write([Put(put_back), *gone])
    house._units.clear()


async def test_a_file_that_is_no_export_is_refused_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "something"
    path.write_text("hello")
    told = await mifeng_cli(["audit", str(path)])
    assert told.exit_code == 7
    assert "audit-export" in told.output
    missing = await mifeng_cli(["audit", str(tmp_path / "missing")])
    assert missing.exit_code == 6
    assert isinstance(mifeng.Alarm, type)
