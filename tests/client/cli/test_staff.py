"""`mifeng import`: faults with their lines, a dry run that makes nothing, private links."""

from __future__ import annotations

import csv
import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mifeng.cli import staff
from mifeng.cli.app import app
from mifeng.sdk.onboarding import Imported
from mifeng_crypto.ids import MemberId, UnixMillis


def someone(n: int, name: str, link: str = "mifeng:join#x") -> Imported:
    return Imported(
        external_id=str(n),
        name=name,
        member_id=MemberId(bytes(16)),
        state="invited",
        link=link,
        expires_at=UnixMillis(1_800_000_000_000),
    )


def test_all_faults_are_shown_before_a_profile_is_opened(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("name,role\nAda,king\n\u0410nna,\n", encoding="utf-8")
    ran = CliRunner().invoke(app, ["--profile", str(tmp_path / "none"), "import", str(file)])
    assert ran.exit_code == 2
    assert "no role king" in ran.output
    assert "[CARD-4]" in ran.output
    assert "nothing was made; faults in list.csv: 2" in ran.output
    ran = CliRunner().invoke(app, ["--json", "import", str(file)])
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [line["line"] for line in lines if "line" in line] == [2, 3]


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["import", str(tmp_path / "none.csv")])
    assert ran.exit_code == 6


def test_links_are_for_this_user_alone_and_open_in_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "links.csv"
    staff._write_links(path, [someone(1, "张三"), someone(2, "=HYPERLINK(1)")])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["id", "name", "link", "expires_at"]
    assert rows[1][:3] == ["1", "张三", "mifeng:join#x"]
    assert rows[2][1] == "'=HYPERLINK(1)"
    assert staff._is_ours(path)
    staff._write_links(path, [])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_file_is_not_overwritten(tmp_path: Path) -> None:
    file, other = tmp_path / "list.csv", tmp_path / "other.csv"
    file.write_text("name\nAda\n", encoding="utf-8")
    other.write_text("mine\n", encoding="utf-8")
    ran = CliRunner().invoke(app, ["import", str(file), "--links", str(other)])
    assert ran.exit_code == 2
    assert "is no list of links" in ran.output
    assert other.read_text(encoding="utf-8") == "mine\n"


@pytest.mark.parametrize("days", ["0", "31"])
def test_links_are_good_for_one_to_thirty_days(tmp_path: Path, days: str) -> None:
    file = tmp_path / "list.csv"
    file.write_text("name\nAda\n", encoding="utf-8")
    assert CliRunner().invoke(app, ["import", str(file), "--days", days]).exit_code == 2
