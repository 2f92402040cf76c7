"""The commands, as a person or a script uses them: real processes, a real server."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.patience import PATIENCE_S
from tests.support.server import running_server

PASSPHRASE = b"correct horse battery staple\n"


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def json(self) -> dict[str, Any]:
        (line,) = self.lines
        return line


@dataclass(frozen=True)
class Terminal:
    """Runs commands for one profile after the other."""

    folder: Path

    async def run(
        self, who: str, *words: str, passphrase: bytes = PASSPHRASE, lang: str = "en"
    ) -> Done:
        process = await self.start(who, *words, passphrase=passphrase, lang=lang)
        out, err = await process.communicate()
        return Done(process.returncode or 0, out.decode(), err.decode())

    async def start(
        self,
        who: str,
        *words: str,
        passphrase: bytes = PASSPHRASE,
        lang: str = "en",
        stdin: int = asyncio.subprocess.DEVNULL,
    ) -> asyncio.subprocess.Process:
        readable, writable = os.pipe()
        os.write(writable, passphrase)
        os.close(writable)
        common = ["--profile", str(self.folder / who), "--passphrase-fd", str(readable)]
        try:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "mifeng.cli.main", *common, *words),
                stdin=stdin,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=[readable],
                env={**os.environ, "MIFENG_LANG": lang},
            )
        finally:
            os.close(readable)

    async def ok(self, who: str, *words: str) -> Done:
        done = await self.run(who, *words)
        assert done.code == 0, done.err
        return done


async def test_the_whole_play_by_hand(tmp_path: Path) -> None:
    shell = Terminal(tmp_path)
    data = os.urandom(300_000)
    (tmp_path / "plan.pdf").write_bytes(data)
    async with running_server(tmp_path) as server:
        me = (await shell.ok("ada", "found", server.founding_link, "--name", "Ada", "--json")).json
        assert (me["name"], me["role"], me["server"]) == ("Ada", "owner", server.url)
        link = (await shell.ok("ada", "invite", "--json")).json["link"]
        assert "You are in" in (await shell.ok("ben", "join", link, "--name", "Ben")).out
        await shell.ok("ada", "unit", "create", "Research", "--topic", "bees")
        granted = (await shell.ok("ada", "unit", "grant", "Research", "Ben", "--json")).json
        assert granted["is_in"]

        tail = await shell.start("ben", "tail", "Research", "--json")
        sent = (await shell.ok("ada", "send", "Research", "Good morning", "--json")).json
        assert sent["kind"] == "message"
        assert sent["bytes"] > 100
        assert tail.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while json.loads(await tail.stdout.readline())["text"] != "Good morning":
                pass
        # `tail` has the profile open, and reads for the others.
        lent = await shell.ok("ben", "read", "Research")
        assert "Ada: Good morning" in lent.out
        tail.terminate()
        await tail.communicate()
        shown = (await shell.ok("ben", "read", "Research")).out
        assert "Ada: Good morning" in shown
        assert "Ben is in now" not in shown  # he was not there to see it

        up = (
            await shell.ok("ben", "upload", "Research", str(tmp_path / "plan.pdf"), "--json")
        ).json
        down = (
            await shell.ok(
                *("ada", "download", "Research", up["file_id"], "--to", str(tmp_path), "--json"),
                "--force",
            )
        ).json
        got = Path(down["path"]).read_bytes()
        assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()

        listed = (await shell.ok("ada", "files", "Research", "--readers", "--json")).lines
        assert [file["name"] for file in listed] == ["plan.pdf"]
        assert [who["name"] for who in listed[0]["readers"]] == ["Ada"]
        kept = (await shell.ok("ada", "keep", "Research", "plan.pdf", "--json")).json
        assert kept["files"][0]["file_id"] == up["file_id"]
        assert "plan.pdf" in (await shell.ok("ben", "files", "Research")).out
        assert (await shell.run("ben", "upload", "Research")).code == 2
        for what in ("--resume", "--give-up"):
            assert (
                "No file is on its way" in (await shell.ok("ben", "upload", "Research", what)).out
            )

        people = (await shell.ok("ben", "people", "--json")).lines
        assert [(p["name"], p["role"]) for p in people] == [("Ada", "owner"), ("Ben", "member")]
        members = (await shell.ok("ben", "unit", "members", "Research")).out
        assert "manager" in members

        await shell.ok("ada", "unit", "revoke", "Research", "Ben")
        await shell.ok("ada", "send", "Research", "not for Ben")
        after = await shell.run("ben", "read", "Research")
        assert after.code == 4
        assert "Good morning" in after.out
        assert "not for Ben" not in after.out
        assert "no longer in Research" in after.err

        (line,) = (await shell.ok("ada", "unit", "list", "--json")).lines
        assert (line["title"], line["members"]) == ("Research", 1)
        await shell.ok("ada", "remove", "Ben")
        gone = await shell.run("ben", "whoami", "--json")
        assert gone.code == 4
        assert json.loads(gone.err)["error"] == "AccessEndedError"


async def test_errors_are_short_name_the_remedy_and_have_their_exit_codes(tmp_path: Path) -> None:
    shell = Terminal(tmp_path)
    async with running_server(tmp_path) as server:
        link = server.founding_link
        await shell.ok("ada", "found", link, "--name", "Ada")
        cases = [
            (("ada", "read", "Nowhere"), PASSPHRASE, 3, "unit list"),
            (("ada", "unit", "grant", "Nowhere", "Zoe"), PASSPHRASE, 3, "Nowhere"),
            (("ada", "send", "Nowhere", " "), PASSPHRASE, 2, "write something"),
            (("ada", "whoami"), b"wrong\n", 6, "passphrase is wrong"),
            (("ada", "whoami"), b"", 2, "does not give a passphrase"),
            (("nobody", "whoami"), PASSPHRASE, 6, "join with an invite"),
            (("ben", "join", "mifeng:join#AAAA", "--name", "B"), PASSPHRASE, 2, "damaged"),
            (("ben", "found", link, "--name", "B"), PASSPHRASE, 4, "ask the owner for an invite"),
            (("ada", "frobnicate"), PASSPHRASE, 2, "frobnicate"),
        ]
        for words, passphrase, code, said in cases:
            done = await shell.run(*words, passphrase=passphrase)
            assert (done.code, done.out) == (code, ""), (words, done)
            assert said in done.err
            assert "Traceback" not in done.err
    down = await shell.run("ada", "whoami")
    assert down.code == 5
    assert "cannot be reached" in down.err
    assert len(down.err.splitlines()) <= 2


async def test_without_the_server_what_is_here_is_shown_and_what_is_said_is_kept(
    tmp_path: Path,
) -> None:
    shell = Terminal(tmp_path)
    async with running_server(tmp_path) as server:
        await shell.run("ada", "found", server.founding_link, "--name", "Ada", "--json")
        assert (await shell.run("ada", "unit", "create", "Research")).code == 0
        assert (await shell.run("ada", "send", "Research", "one")).code == 0
    for words, shown in (
        (("read", "Research"), "Ada: one"),
        (("verify",), "  "),
    ):
        done = await shell.run("ada", *words)
        assert done.code == 5
        assert shown in done.out
        assert "cannot be reached" in done.err
    said = await shell.run("ada", "send", "Research", "two")
    assert (said.code, said.out) == (5, "")
    assert "It is kept" in said.err
    assert "cannot be reached" in said.err
    assert "two" in (await shell.run("ada", "outbox")).out
    async with running_server(tmp_path, restart=True):
        read = await shell.run("ada", "read", "Research")
        assert (read.code, [line.partition("Ada: ")[2] for line in read.out.splitlines()]) == (
            0,
            ["one", "two"],
        )


async def test_it_speaks_chinese(tmp_path: Path) -> None:
    done = await Terminal(tmp_path).run("nobody", "whoami", lang="zh_CN")
    assert done.code == 6
    assert any("\u4e00" <= letter <= "\u9fff" for letter in done.err)
