"""`mifeng-server` as its operator meets it: as a process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mifeng_crypto.errors import UsageError
from mifeng_crypto.links import FoundLink, parse_link
from mifeng_server.cli.commands import app
from mifeng_server.cli.show import show
from mifeng_server.config import Config, Folder, read_config, write_config
from tests.support.patience import PATIENCE_S

COMMAND = [sys.executable, "-m", "mifeng_server"]


def _run(*args: str, lang: str = "en") -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "MIFENG_LANG": lang, "COLUMNS": "100"}
    return subprocess.run(
        [*COMMAND, *args],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=environ,
    )


def _init(data: Path) -> str:
    done = _run("init", "--data", str(data), "--address", "https://127.0.0.1:0")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A data folder that `init` has made, and its link."""
    data = tmp_path_factory.mktemp("made") / "data"
    return data, _init(data)


@pytest.fixture
def data(made: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(made[0], tmp_path / "data")


def test_help_names_the_commands() -> None:
    done = _run("--help")
    assert done.returncode == 0
    assert "init" in done.stdout
    assert "serve" in done.stdout


def test_the_version_is_told() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"mifeng-server {version('mifeng')}\n")


def test_the_language_may_stand_anywhere_on_the_line(data: Path) -> None:
    for words in (["--lang", "zh_CN"], ["--lang=zh_CN"]):
        done = _run("config", *words, "--data", str(data))
        assert (done.returncode, done.stderr) == (0, "")
        assert any("\u4e00" <= letter <= "\u9fff" for letter in done.stdout)
    assert _run("config", "--data", str(data), "--lang").returncode == 2


def test_init_prints_only_the_link_and_stores_its_token_hashed(made: tuple[Path, str]) -> None:
    data, text = made
    link = parse_link(text)
    assert isinstance(link, FoundLink)
    assert link.tls_pin is not None
    assert not link.addresses[0].endswith(":0")
    for path in data.rglob("*"):
        assert not path.is_file() or link.token not in path.read_bytes()
    assert data.stat().st_mode & 0o777 == 0o700


def test_a_second_init_changes_nothing_and_says_what_to_do(data: Path) -> None:
    before = {p: p.read_bytes() for p in data.iterdir() if p.is_file()}
    done = _run("init", "--data", str(data), "--address", "https://127.0.0.1:1")
    assert done.returncode == 2
    assert "choose another folder" in done.stderr
    assert before == {p: p.read_bytes() for p in data.iterdir() if p.is_file()}


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["serve", "--data", "absent"], 2, "run `mifeng-server init"),
        (["init", "--data", "d", "--address", "nonsense"], 2, "write it like https://"),
        (["init", "--data", "d"], 2, "--address"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_wrong_use_is_explained_with_exit_code_2(
    tmp_path: Path, args: list[str], code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = _run(*args)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_output_that_cannot_be_written_is_said_with_exit_code_6(data: Path) -> None:
    for words in (["--help"], ["config", "--data", str(data)]):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [*COMMAND, "--lang", "en", *words],
                check=False,
                stdout=full,
                stderr=subprocess.PIPE,
                timeout=PATIENCE_S,
            )
        assert done.returncode == 6
        assert done.stderr.startswith(b"Error: the output cannot be written: No space left")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("addresses = 1", "addresses"),
        ("port =", "Invalid value"),
        ("addresses=[]\nport=1", "names no address"),
        ("addresses=['x']\nport=1", "write it like https://"),
        ("addresses=['https://x']\nport='x'", "port"),
        ("addresses=['https://x']\nport=1\ncolour=1", "colour"),
        ("addresses=['https://x']\nport=1\nlisten='0.0.0.0'\ntls=false", "behind a proxy"),
    ],
)
def test_a_wrong_configuration_names_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    folder = Folder(tmp_path)
    folder.config.write_text(text)
    with pytest.raises(UsageError, match=words):
        read_config(folder)


def test_a_configuration_that_is_no_text_is_named(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.config.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="cannot be read"):
        read_config(folder)


def test_what_an_init_that_was_cut_off_has_left_is_explained(tmp_path: Path) -> None:
    (tmp_path / "tls.key").touch()
    done = _run("init", "--data", str(tmp_path), "--address", "https://127.0.0.1:0")
    assert done.returncode == 2
    assert "remove it" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_written_as_configuration_is_read_again(tmp_path: Path) -> None:
    config = Config(addresses=("https://chat.example:8443",), listen="::", port=8443)
    write_config(Folder(tmp_path), config)
    assert read_config(Folder(tmp_path)) == config


def test_a_missing_key_is_named_with_exit_code_6(data: Path) -> None:
    (data / "tls.key").unlink()
    done = _run("serve", "--data", str(data))
    assert done.returncode == 6
    assert "restore it from a backup" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_starts_writes_its_port_and_stops_cleanly(
    made: tuple[Path, str], data: Path, number: int
) -> None:
    process = subprocess.Popen(
        [*COMMAND, "serve", "--data", str(data), "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MIFENG_LANG": "en"},
    )
    try:
        assert process.stderr is not None
        err = process.stderr.readline()  # it says so when it is there
        assert int((data / "port").read_text()) > 0
        process.send_signal(number)
        err += process.communicate(timeout=PATIENCE_S)[1]
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert "Serving on https://127.0.0.1:" in err
    assert made[1].partition("#")[2] not in err


def test_the_log_is_json_and_quotes_nobody() -> None:
    code = (
        "import structlog\n"
        "from mifeng_server.logs import configure_logs, AIOHTTP\n"
        "configure_logs()\n"
        "structlog.get_logger('x').info('request', status=200)\n"
        "AIOHTTP.error('Bearer secret')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    first, second = [json.loads(line) for line in done.stderr.splitlines()]
    assert (first["event"], first["status"], first["level"]) == ("request", 200, "info")
    assert "secret" not in json.dumps(second)


def test_errors_and_help_speak_chinese(tmp_path: Path) -> None:
    done = _run("serve", "--data", str(tmp_path / "absent"), lang="zh_CN")
    assert done.returncode == 2
    assert any("\u4e00" <= c <= "\u9fff" for c in done.stderr)
    done = _run("--lang", "zh_CN", "--help")
    assert any("\u4e00" <= c <= "\u9fff" for c in done.stdout)


def test_the_operators_commands_print_json_and_explain_what_is_wrong(
    made: tuple[Path, str], data: Path, tmp_path: Path
) -> None:
    done = _run("doctor", "--data", str(data), "--json")
    found = {row["check"]: row["state"] for row in map(json.loads, done.stdout.splitlines())}
    assert found["schema"] == found["tls"] == found["permissions"] == "ok"
    done = _run("backup", "--data", str(data), "--to", str(tmp_path / "backup"), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["files"] == 0
    done = _run("restore", str(tmp_path / "backup"), "--check", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["units"] == 0
    done = _run("stats", "--data", str(data))
    assert done.returncode == 0, done.stderr
    done = _run("users", "--data", str(data))
    assert done.returncode == 2
    assert "not founded yet" in done.stderr
    done = _run("rotate-key", "log", "--data", str(data), "--switch", lang="zh_CN")
    assert done.returncode == 2
    assert "下一把密钥" in done.stderr
    done = _run("config", "--data", str(data), "--explain", "--json")
    assert {"setting", "value", "from", "meaning"} == set(json.loads(done.stdout.splitlines()[0]))


@pytest.mark.parametrize("command", ["stats", "users", "quota", "purge --dry-run", "doctor"])
def test_looking_at_a_server_whose_database_is_missing_makes_no_new_one(
    data: Path, command: str
) -> None:
    (data / "server.db").unlink()
    done = _run(*command.split(), "--data", str(data))
    assert done.returncode == 6
    assert "estore it from a backup" in done.stdout + done.stderr
    assert not (data / "server.db").exists()


def test_a_missing_database_is_not_moved_as_an_empty_one(data: Path) -> None:
    (data / "server.db").unlink()
    done = _run("migrate-to", "postgresql://127.0.0.1:1/x", "--data", str(data))
    assert (done.returncode, (data / "server.db").exists()) == (6, False)
    assert "server.db is missing" in done.stderr


@pytest.mark.parametrize(
    ("words", "english", "chinese"),
    [
        ("backup --data x", "--to is missing", "缺少 --to"),
        ("serve --data x --port y", "--port takes a whole number", "--port 应为 0 到 65535 的整数"),
        ("serve --frob", "there is no option --frob", "没有选项 --frob"),
        ("restore a b", "this is too much: b", "这些是多余的：b"),
        ("init --data x --address ftp://x", "is not an address", "不是地址"),
        ("restore nowhere --check", "that `mifeng-server backup` has written", "写成的文件夹"),
        ("migrate-to mysql://x --data {data}", "is not like postgresql", "的写法应如 postgresql"),
        ("backup --data {data} --to {data}", "inside of the data folder", "数据目录里的备份"),
    ],
)
def test_what_is_wrong_with_a_command_is_said_in_one_line_of_ones_language(
    data: Path, words: str, english: str, chinese: str
) -> None:
    for lang, told in (("en", english), ("zh_CN", chinese)):
        done = _run(*words.format(data=data).split(), lang=lang)
        assert done.returncode == 2
        assert told in done.stderr.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--database mysql://x", "`storage.database` is not like postgresql"),
        ("--blobs bucket", "`storage.blobs` is not like s3://"),
        ("--blobs s3://bucket --s3-endpoint s3.example", "`storage.s3_endpoint` is not like https"),
        ("--cert {data}/none.pem --key {data}/tls.key", "none.pem is missing or damaged"),
    ],
)
def test_an_init_that_is_refused_leaves_nothing_in_the_way_of_the_next(
    data: Path, tmp_path: Path, words: str, told: str
) -> None:
    made = tmp_path / "new"
    start = ["init", "--data", str(made), "--address", "https://127.0.0.1:0"]
    done = _run(*start, *words.format(data=data).split())
    assert done.returncode in (2, 6)
    assert told in done.stderr.splitlines()[0]
    assert not made.exists()
    assert _run(*start).returncode == 0


@pytest.mark.parametrize("listen", ["nonsense.invalid", "192.0.2.1"])
def test_an_address_that_is_not_this_machines_is_named(data: Path, listen: str) -> None:
    config = data / "mifeng-server.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace('listen = "127.0.0.1"', f'listen = "{listen}"'))
    done = _run("serve", "--data", str(data))
    assert done.returncode == 2
    assert f"{listen} is no network address of this machine" in done.stderr


def test_what_the_system_refuses_is_an_error_and_no_traceback(data: Path) -> None:
    (data / "server.db").unlink()
    (data / "server.db").mkdir()
    done = _run("stats", "--data", str(data))
    assert done.returncode == 6
    assert done.stderr == f"Error: {data}/server.db: Is a directory\n"


def test_what_is_shown_of_the_configuration_has_no_password(data: Path) -> None:
    with (data / "mifeng-server.toml").open("a", encoding="utf-8") as file:
        file.write('\n[storage]\ndatabase = "postgresql://us:geheim@db.example/x"\n')
    for more in ((), ("--json",), ("--explain",)):
        done = _run("config", "--data", str(data), *more)
        assert "us:***@db.example" in done.stdout
        assert "geheim" not in done.stdout + done.stderr


def test_a_doctor_who_cannot_reach_the_database_does_not_call_for_a_backup(data: Path) -> None:
    with (data / "mifeng-server.toml").open("a", encoding="utf-8") as file:
        file.write('\n[storage]\ndatabase = "postgresql://us@127.0.0.1:1/x"\n')
    for lang, remedy in (("en", "see that PostgreSQL runs"), ("zh_CN", "请确认 PostgreSQL")):
        done = _run("doctor", "--data", str(data), "--json", lang=lang)
        assert done.returncode == 6
        (wrong,) = (r for r in map(json.loads, done.stdout.splitlines()) if r["state"] == "bad")
        assert wrong["check"] == "database"
        assert wrong["remedy"].startswith(remedy)


def test_a_restore_that_fails_leaves_its_folder_free_for_the_next(
    data: Path, tmp_path: Path
) -> None:
    backup, new = str(tmp_path / "backup"), tmp_path / "new"
    assert _run("backup", "--data", str(data), "--to", backup).returncode == 0
    done = _run("restore", backup, "--data", str(new), "--vault", str(tmp_path / "nowhere"))
    assert (done.returncode, list(new.iterdir())) == (6, [])
    assert done.stderr == f"Error: {tmp_path}/nowhere: No such file or directory\n"
    assert _run("restore", backup, "--data", str(new)).returncode == 0


def test_tables_are_for_people_and_json_is_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"fact": "accepted_at", "value": 1_795_691_472_633},
        {"fact": "next to end: Nonce", "value": 1_795_691_472_633},
        {"fact": "bytes of files", "value": 3 << 20},
        {"fact": "policy: cap", "value": 1000},
    ]
    show(rows, {"fact": "Fact", "value": "Value"}, as_json=False)
    table = capsys.readouterr().out
    assert table.count("2026-11-26 11:11:12 UTC") == 2
    assert "3.0 MiB" in table
    assert " 1000 " in table
    show(rows, {}, as_json=True)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == rows
    users = [{"role": "owner", "bytes": 0, "last_login": None}]
    show(users, {"role": "Role", "bytes": "Bytes", "last_login": "Last login"}, as_json=False)
    assert "0 B" in (table := capsys.readouterr().out)
    assert "None" not in table


def test_facts_are_told_in_ones_language(data: Path) -> None:
    table = _run("doctor", "--data", str(data), lang="zh_CN").stdout
    assert "磁盘" in table
    assert "disk" not in table


def test_the_help_is_a_page_of_ones_language() -> None:
    page = _run("restore", "--help", lang="zh_CN").stdout
    assert page.startswith("用法：")
    assert "BACKUP" in page
    assert "--vault FILE" in page
    assert "显示此页" in page
