"""What is overdue is a red line and an exit code that a scheduled job can rely on."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator

import pytest
from typer.testing import CliRunner

from mifeng import Offboarding, Person
from mifeng.cli import offboarding
from mifeng.cli.app import app
from mifeng.cli.options import Options
from mifeng.sdk.offboarding import Departure
from mifeng_crypto.ids import MemberId, UnitId, UnixMillis


class OneReport:
    """An open profile that knows one removal."""

    def __init__(self, told: Offboarding) -> None:
        self._told = told

    async def offboarding(self, name: str | None) -> list[Offboarding]:
        assert name in (None, "Cem")
        return [self._told]


def _told(state: str, *, overdue: bool) -> Offboarding:
    unit = Departure(unit_id=UnitId(b"u" * 16), title="Choir", state=state, epoch=0, sequence=0)
    return Offboarding(
        person=Person(MemberId(b"c" * 16), "Cem"),
        removed_at=UnixMillis(1),
        units=(unit,),
        others_out=0,
        others_pending=0,
        is_overdue=overdue,
    )


@pytest.mark.parametrize(
    ("state", "overdue", "code", "said"),
    [
        ("verified", False, 0, "out, verified"),
        ("pending", False, 0, "Pending in 1 unit,"),
        ("pending", True, 8, "\x1b[31mALARM: Cem"),
    ],
)
def test_the_exit_code_says_whether_somebody_is_still_in_after_a_day(
    monkeypatch: pytest.MonkeyPatch, state: str, overdue: bool, code: int, said: str
) -> None:
    @contextlib.asynccontextmanager
    async def opened(_: Options) -> AsyncIterator[OneReport]:
        yield OneReport(_told(state, overdue=overdue))

    monkeypatch.setattr(offboarding, "opened", opened)
    done = CliRunner().invoke(app, ["--lang", "en", "offboarding", "Cem"], color=True)
    assert done.exit_code == code
    assert said in done.output
    done = CliRunner().invoke(app, ["--json", "offboarding"])
    assert done.exit_code == code
    facts = json.loads(done.stdout)
    assert (facts["overdue"], facts["pending"]) == (overdue, int(state == "pending"))
