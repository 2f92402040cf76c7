"""A command that finds its profile open has its call done by the process that has it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import mifeng
from mifeng import handover
from mifeng.cli import options
from mifeng.cli.lent import lending
from mifeng.handover import frames
from mifeng.handover import lending as lendings
from mifeng.handover.place import read_own
from mifeng_crypto.errors import StorageError
from tests.e2e.people import PASSPHRASE, Cast, cast
from tests.support.patience import PATIENCE_S, until
from tests.support.server import running_server


def own_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))


@pytest.fixture
async def c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cast]:
    """Ada's profile is open here, and lent."""
    own_runtime(tmp_path, monkeypatch)
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as c,
        lending(c.home("ada"), c.ada),
    ):
        yield c


async def mifeng_command(
    c: Cast, *words: str, who: str = "ada", given: bytes = b"", lang: str = "en"
) -> tuple[int, str, str]:
    """Run a command in a process of its own, with no passphrase to give."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "mifeng.cli.main",
        "--profile",
        str(c.home(who)),
        *words,
        cwd=c.folder,
        env={**os.environ, "MIFENG_LANG": lang, "XDG_RUNTIME_DIR": str(c.folder / "run")},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(given), PATIENCE_S)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_command_is_done_by_the_process_that_has_the_profile(c: Cast) -> None:
    before = sys.stdout
    code, out, err = await mifeng_command(c, "send", "Research", "good morning", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["text"] == "good morning"
    assert [m.text for m in await c.adas.history()] == ["good morning"]
    assert sys.stdout is before


async def test_output_language_exit_code_and_errors_are_as_if_done_here(c: Cast) -> None:
    code, out, err = await mifeng_command(c, "send", "Nowhere", "x", lang="zh_CN")
    assert (code, out) == (3, "")
    assert err.startswith("错误")
    code, out, err = await mifeng_command(c, "send", "Nowhere", "x", "--json")
    assert (code, out, json.loads(err)["exit_code"]) == (3, "", 3)
    code, out, _ = await mifeng_command(c, "send", "Research", "嗨", lang="zh_CN")
    assert code == 0
    assert "Sent" not in out
    code, out, _ = await mifeng_command(c, "read", "Research")
    assert "Ada: 嗨" in out


async def test_standard_input_and_relative_paths_are_the_callers(c: Cast) -> None:
    code, _, err = await mifeng_command(c, "send", "Research", "-", given="两行\nhere".encode())
    assert (code, err) == (0, "")
    (c.folder / "plan.txt").write_text("the plan")
    code, _, err = await mifeng_command(c, "upload", "Research", "plan.txt")
    assert (code, err) == (0, "")
    code, _, err = await mifeng_command(c, "download", "Research", "plan.txt", "--to", "copy.txt")
    assert (code, err) == (0, "")
    assert (c.folder / "copy.txt").read_text() == "the plan"
    code, out, _ = await mifeng_command(c, "download", "Research", "plan.txt", "--stream")
    assert out == "the plan"
    first, *_ = await c.adas.history()
    assert first.text == "两行\nhere"


async def test_a_name_that_is_not_utf_8_is_handed_over_as_it_is(c: Cast) -> None:
    name, copy = (os.fsdecode(each) for each in (b"caf\xe9.txt", b"copi\xe9.txt"))
    (c.folder / name).write_text("the menu")
    code, _, err = await mifeng_command(c, "upload", "Research", name)
    assert (code, err) == (0, "")
    (message,) = await c.adas.history()
    number = f"#{message.sequence}"
    code, _, err = await mifeng_command(c, "download", "Research", number, "--to", copy)
    assert (code, err) == (0, "")
    assert (c.folder / copy).read_text() == "the menu"
    for words in (("send", "Research", name), ("announce", "Research", name, "now")):
        code, _, err = await mifeng_command(c, *words)
        assert code == 2, err
    code, _, err = await mifeng_command(c, "send", "Research", "-", given=b"caf\xe9")
    assert code == 2
    assert "not UTF-8" in err


async def test_a_question_is_the_callers_to_answer(c: Cast) -> None:
    for answer, code in (("n\n", 1), ("", 1), ("y\n", 0)):
        asked = call(["unit", "restart", "Research"])
        asked.terminals = (True, True, True)
        err = io.BytesIO()
        terminal = handover.Terminal(io.StringIO(answer), io.BytesIO(), err)
        done = handover.hand_over(c.home("ada"), asked, terminal)
        assert await asyncio.wait_for(done, PATIENCE_S) == code, err.getvalue()
        assert b"Restart it?" in err.getvalue()
        assert c.adas.generation == (code == 0)


async def test_calls_run_side_by_side_and_each_hears_its_own(c: Cast) -> None:
    done = await asyncio.gather(
        *(mifeng_command(c, "send", "Research", f"say {n}", "--json") for n in range(4))
    )
    for n, (code, out, _) in enumerate(done):
        assert code == 0
        assert json.loads(out)["text"] == f"say {n}"


async def test_the_file_and_the_socket_are_this_users_alone(c: Cast) -> None:
    file = c.home("ada") / lendings.FILE
    _, path = file.read_text().splitlines()
    for each in (file, Path(path)):
        assert stat.S_IMODE(each.stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(path).parent.stat().st_mode) == 0o700


async def test_who_has_not_the_token_is_not_answered(c: Cast, tmp_path: Path) -> None:
    file = c.home("ada") / lendings.FILE
    token, path = file.read_text().splitlines()
    reader, writer = await asyncio.open_unix_connection(path)
    wrong = call(["send", "Research", "x"], token="0" * len(token))
    frames.write(writer, wrong)
    assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
    writer.close()
    assert await c.adas.history() == []


async def test_a_file_that_others_can_write_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / lendings.FILE
    file.write_text("token\n/tmp/x.sock\n")
    file.chmod(0o644)
    with pytest.raises(StorageError, match="not this user's alone"):
        read_own(file)
    (tmp_path / "link").symlink_to(file)
    file.chmod(0o600)
    assert read_own(file) == "token\n/tmp/x.sock\n"
    with pytest.raises(StorageError, match="cannot be used"):
        read_own(tmp_path / "link")


async def test_what_a_killed_process_has_left_hinders_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_runtime(tmp_path, monkeypatch)
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        stale = tmp_path / "run" / "stale.sock"
        stale.write_text("")
        file = c.home("ada") / lendings.FILE
        file.write_text(f"token\n{stale}\n")
        file.chmod(0o600)
        assert await handover.hand_over(c.home("ada"), call(["x"]), quiet()) is None
        async with lending(c.home("ada"), c.ada):
            code, _, err = await mifeng_command(c, "send", "Research", "hello")
            assert (code, err) == (0, "")
        assert not file.exists()


async def test_a_profile_that_nobody_lends_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "PATIENCE_S", 0.1)
    monkeypatch.setattr(options, "passphrase_for", lambda *_, **__: PASSPHRASE)
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        told = options.Options(profile=c.home("ada"), words=("send", "Research", "x"))
        with pytest.raises(mifeng.ProfileBusyError):
            async with options.opened(told):
                pass


async def test_a_call_whose_profile_is_closed_says_so(c: Cast) -> None:
    tail = asyncio.create_task(mifeng_command(c, "tail", "Research", "--json", who="ben"))
    async with lending(c.home("ben"), c.ben):
        await until(lambda: bool(c.ben._session.live._listeners))
        await c.adas.send("one")
        await until(lambda: c.bens.sequence >= c.adas.sequence)
    code, _, err = await asyncio.wait_for(tail, PATIENCE_S)
    assert code == 6, err
    assert json.loads(err)["error"] == "CallBrokenOffError"


def call(words: list[str], token: str = "") -> handover.Call:
    return handover.Call(
        token=token,
        words=[*map(handover.pack, words)],
        folder=b"/",
        language="en",
        given=None,
        columns=80,
        terminals=(False, False, False),
    )


def quiet() -> handover.Terminal:
    return handover.Terminal(io.StringIO(), io.BytesIO(), io.BytesIO())
