"""The configuration: each setting can be written, overruled, explained, and wrong somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mifeng_crypto.errors import UsageError
from mifeng_server.cli.explain import explanations
from mifeng_server.config import NOT_SETTINGS, Folder, read_config, settings, variable_of

LEAST = 'addresses = ["https://chat.example:8443"]\nport = 8443\n'


def _write(tmp_path: Path, text: str) -> Folder:
    folder = Folder(tmp_path)
    folder.config.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('port = "x"\n' + LEAST.replace("port = 8443\n", ""), 1),
        (LEAST + "\n[limits]\n# a comment\nper_device = 0\n", 6),
        (LEAST + "[limits]\nper_devices = 5\n", 4),
        (LEAST + "colour = 1\n", 3),
        (LEAST + '[log]\nlevel = "loud"\n', 4),
        (LEAST + "[admin]\nport = 99999\n", 4),
        (LEAST + "[nothing]\n", 3),
        (LEAST + "listen = \n", 3),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(UsageError, match=f"line {line}\\b"):
        read_config(_write(tmp_path, text), {})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("cert = 'a.pem'", "name both"),
        ("[storage]\ndatabase = 'mysql://x'", "postgresql://"),
        ("[storage]\nblobs = 'bucket'", "s3://"),
    ],
)
def test_what_no_type_says_is_checked_too(tmp_path: Path, more: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_config(_write(tmp_path, LEAST + more), {})


def test_a_variable_rules_over_the_file_and_says_so(tmp_path: Path) -> None:
    folder = _write(tmp_path, LEAST + "[limits]\nper_device = 7\nburst_s = 3\n")
    environ = {
        "MIFENG_LIMITS_PER_DEVICE": "9",
        "MIFENG_ADDRESSES": "https://a.example, https://b.example:1",
        "MIFENG_LOG_REQUESTS": "false",
    }
    config = read_config(folder, environ)
    assert config.limits.per_device == 9
    assert config.addresses == ("https://a.example", "https://b.example:1")
    assert not config.log.requests
    sources = {s.name: s.source for s in settings(folder, environ)}
    assert sources["limits.per_device"] == "MIFENG_LIMITS_PER_DEVICE"
    assert sources["limits.burst_s"] == "mifeng-server.toml:5"
    assert sources["limits.per_member"] == "default"


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="MIFENG_LIMITS_PER_DEVICE"):
        read_config(_write(tmp_path, LEAST), {"MIFENG_LIMITS_PER_DEVICE": "many"})


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("MIFENG_LIMITS_PER_DEVICES", "MIFENG_LIMITS_PER_DEVICE"),
        ("MIFENG_DATABASE", "MIFENG_STORAGE_DATABASE"),
        ("MIFENG_ADMINPORT", "MIFENG_ADMIN_PORT"),
    ],
)
def test_a_variable_that_nobody_reads_is_refused_with_the_nearest_setting(
    tmp_path: Path, variable: str, nearest: str
) -> None:
    with pytest.raises(UsageError, match=f"{variable} is no setting; is it {nearest}\\?"):
        read_config(_write(tmp_path, LEAST), {variable: "1"})


def test_variables_of_other_parts_of_the_project_are_no_settings_and_pass(tmp_path: Path) -> None:
    text = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("client", "server", "tests", "examples", "bench", "scripts")
        for path in (Path(__file__).parents[2] / folder).rglob("*.py")
        if path.name != Path(__file__).name
    )
    folder = _write(tmp_path, LEAST)
    variables = {variable_of(s.name) for s in settings(folder, {})}
    read = set(re.findall(r"(?<![A-Z_])MIFENG_[A-Z_]*[A-Z]\b", text)) - variables
    assert read <= NOT_SETTINGS
    assert read_config(folder, dict.fromkeys(NOT_SETTINGS, "1")) == read_config(folder, {})


def test_every_setting_is_explained_and_documented(tmp_path: Path) -> None:
    names = [s.name for s in settings(_write(tmp_path, LEAST), {})]
    assert list(explanations()) == names
    page = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}`" not in page] == []
    assert variable_of("limits.per_device") in page
