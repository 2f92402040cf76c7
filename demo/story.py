"""The play: a workspace, a unit, texts, files, a removal; and then the search for plaintext."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Coroutine, Iterable
from pathlib import Path
from typing import Any, TypeVar

from demo.material import RECORDING_MARK, make_pdf, make_recording, sha256_of
from demo.people import Facts, Person, PlayError
from demo.scan import Hit, forms_of, scan
from demo.screen import Screen
from demo.stage import Stage
from demo.stored import summary
from mifeng import RecoverySheet

__all__ = ["UNIT", "Play", "cast"]

T = TypeVar("T")

UNIT = "Project Blue Heron 蓝鹭计划"
TOPIC = "The autumn launch 秋季发布"
HELLO = "大家好! The launch moves to **28 October**, tell nobody yet."
ANSWER = "Understood, our suppliers in Hamburg will hear it from me last."
FAREWELL = "From here on without our former colleague: the price is 4,990 元."
PDF_NAME = "工资表 salaries 2026.pdf"
PDF_LINES = ("Salaries 2026, strictly confidential", "Managing director: 1,234,567 a year")
RECORDING_NAME = "board meeting 董事会.mp4"
RECORDING_MIB = 64
COMPRESSION = ["Content-Encoding:", "permessage-deflate"]
SHEET = "recovery sheet.txt"
PLANTED = "Planted on purpose 故意放置: the search must find this"


def cast(folder: Path) -> list[Person]:
    """Return the four people, each with an own machine's folder."""
    parts = [
        ("欧阳秀英", "总经理 Managing director", "bright_red"),
        ("Anna Schmidt", "Head of engineering 工程主管", "bright_green"),
        ("司马建国", "供应链经理 Supply chain", "bright_blue"),
        ("Tomás García", "Marketing consultant 市场顾问", "bright_magenta"),
    ]
    homes = ("founder", "anna", "jianguo", "tomas")
    return [Person(*part, home=folder / home) for part, home in zip(parts, homes, strict=True)]


class Play:
    """All steps, in order. Each raises `PlayError` where it goes otherwise than told."""

    def __init__(self, stage: Stage, people: list[Person], screen: Screen) -> None:
        self.stage = stage
        self.screen = screen
        self.people = people
        self.founder, self.anna, self.jianguo, self.tomas = people
        self.unit_id = ""
        self.sample = b""

    async def run(self) -> None:
        """Play everything."""
        self.screen.title(self.people, self.stage.address)
        await self.found_and_join()
        await self.open_unit()
        await self.talk()
        await self.send_files()
        await self.come_back()
        await self.remove_one()
        await self.search()

    def _tell(self, who: Person | list[Person], sees: str) -> None:
        people = who if isinstance(who, list) else [who]
        self.screen.step(people, sees, summary(self.stage.stored.new()))

    # -------------------------------------------------------------- the workspace

    async def found_and_join(self) -> None:
        """A founder, and three who join by invite."""
        boss = self.founder
        me = await boss.facts("found", self.stage.link, "--name", boss.name, "--title", boss.title)
        boss.member_id = me["member_id"]
        self._tell(boss, f"founds the workspace and is its {me['role']}")
        joining = []
        for person in self.people[1:]:
            invite = await boss.facts("invite")
            joining.append(asyncio.create_task(self._join(person, invite["link"])))
        # The first ones join while the last invite is made.
        self._tell(boss, "makes three invites, each a link that is good once and for 72 hours")
        await asyncio.gather(*joining)
        self._tell(self.people[1:], "join, with keys made on their own devices")

    async def _join(self, person: Person, link: str) -> None:
        sheet = ("--recovery-sheet", str(person.home / SHEET)) if person is self.anna else ()
        name = "--name", person.name, "--title", person.title
        me = await person.facts("join", link, *name, *sheet)
        person.member_id = me["member_id"]

    async def open_unit(self) -> None:
        """A business unit, into which the three are granted."""
        boss = self.founder
        unit = await boss.facts("unit", "create", UNIT, "--topic", TOPIC)
        self.unit_id = unit["unit_id"]
        self._tell(boss, f"opens the business unit “{unit['title']}”")
        for person in self.people[1:]:
            granted = await boss.facts("unit", "grant", self.unit_id, person.member_id)
            _expect(granted["is_in"], f"{person.name} is in the unit at once")
        self._tell(boss, f"grants {_names(self.people[1:])}: four people are in the unit")

    # -------------------------------------------------------------- what they say

    async def talk(self) -> None:
        """Text both ways, read by command and live."""
        async with self.jianguo.tail(self.unit_id) as screen:
            await self.founder.facts("send", self.unit_id, HELLO)
            self._tell(self.founder, f"writes: {HELLO}")
            await self._all_read([self.anna, self.tomas], self.founder, HELLO)
            self._tell([self.anna, self.tomas], f"read, from {self.founder.name}: {HELLO}")
            await self.anna.facts("send", self.unit_id, ANSWER)
            self._tell(self.anna, f"answers: {ANSWER}")
            await _wait_for(screen, [HELLO, ANSWER])
            self._tell(self.jianguo, f"has both on the screen, live; the last: {ANSWER}")
        await self._all_read([self.founder], self.anna, ANSWER)
        self._tell(self.founder, f"reads, from {self.anna.name}: {ANSWER}")

    async def _all_read(self, readers: list[Person], author: Person, text: str) -> None:
        for reader, messages in zip(
            readers,
            await _together(reader.messages(self.unit_id) for reader in readers),
            strict=True,
        ):
            last = messages[-1]
            _expect(last["text"] == text, f"{reader.name} reads what was written")
            _expect(last["sender"]["name"] == author.name, f"{reader.name} sees who wrote it")

    # -------------------------------------------------------------- files

    async def send_files(self) -> None:
        """A PDF for all, and a large recording."""
        pdf = self.founder.home / PDF_NAME
        make_pdf(pdf, PDF_LINES)
        await self._upload(self.founder, pdf)
        await self._download(self.jianguo, pdf)
        recording = self.jianguo.home / RECORDING_NAME
        self.sample = await asyncio.to_thread(make_recording, recording, mebibytes=RECORDING_MIB)
        await self._upload(self.jianguo, recording)
        await self._download(self.anna, recording)

    async def _upload(self, sender: Person, file: Path) -> None:
        began = self.screen.elapsed_s
        await sender.facts("upload", self.unit_id, str(file))
        took = self.screen.elapsed_s - began
        size = f"{file.stat().st_size:,} bytes"
        self._tell(sender, f"sends “{file.name}”, {size}, sealed and uploaded in {took:.1f} s")

    async def _download(self, reader: Person, file: Path) -> None:
        wanted, began = await asyncio.to_thread(sha256_of, file), self.screen.elapsed_s
        got = await reader.facts("download", self.unit_id, file.name, "--to", str(reader.home))
        took = self.screen.elapsed_s - began
        found = await asyncio.to_thread(sha256_of, Path(got["path"]))
        _expect(found == wanted, f"{reader.name} has the same file, by its SHA-256")
        self._tell(reader, f"opens it in {took:.1f} s; SHA-256 {found[:16]} is the same")

    # -------------------------------------------------------------- a lost device

    async def come_back(self) -> None:
        """One loses her device, and comes back without an admin; the others are told."""
        anna, boss = self.anna, self.founder
        sheet, anna.device = str(anna.home / SHEET), "new laptop"
        await anna.facts("recover", sheet, "--recovery-sheet", str(anna.home / "next sheet.txt"))
        self._tell(anna, "has lost her laptop; her recovery sheet brings her back on a new one")
        told = [
            change["name"]
            for line in await boss.run("read", self.unit_id)
            for change in line["devices"]
            if change["kind"] == "recover"
        ]
        _expect(told == [anna.name], "the unit is told who came back")
        self._tell(boss, f"reads in the unit: {anna.name} came back, all older devices are out")

    # -------------------------------------------------------------- a removal

    async def remove_one(self) -> None:
        """One is removed, is handed the next message all the same, and cannot open it."""
        boss, gone = self.founder, self.tomas
        out = await boss.facts("unit", "revoke", self.unit_id, gone.member_id)
        self._tell(boss, f"takes {gone.name} out; the first epoch without him is {out['epoch']}")
        await boss.facts("send", self.unit_id, FAREWELL)
        await self._all_read([self.anna], boss, FAREWELL)
        self._tell([boss, self.anna], f"write and read: {FAREWELL}")
        for attempt in await self._hand_over(gone, self.stage.stored.last_message()):
            how = f"is handed that ciphertext ({attempt['how']}) and has all his old keys"
            self._tell(gone, f"{how}: {attempt['error']}")
        *shown, refusal = await gone.run("read", self.unit_id, exit_code=4)
        _expect(all(line["epoch"] < out["epoch"] for line in shown), f"{gone.name} is out")
        self._tell(gone, f"asks the server for it: {refusal['message']}")

    async def _hand_over(self, person: Person, message: bytes) -> list[Facts]:
        with person.passphrase_pipe() as reader:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "demo.outsider", str(person.profile), str(reader)),
                self.unit_id,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                pass_fds=[reader],
            )
        out, _ = await process.communicate(message.hex().encode())
        attempts = [json.loads(line) for line in out.splitlines()]
        _expect(process.returncode == 0, f"{person.name} opens nothing")
        _expect(len(attempts) == 2, f"{person.name} has tried twice")
        return attempts

    # -------------------------------------------------------------- the search

    def secrets(self) -> list[str | bytes]:
        """Return all that was ever meant for people only."""
        said = [HELLO, ANSWER, FAREWELL, UNIT, TOPIC, PDF_NAME, *PDF_LINES]
        files: list[str | bytes] = [RECORDING_NAME, RECORDING_MARK, self.sample]
        people = [p for person in self.people for p in (person.name, person.title)]
        sheet = RecoverySheet.parse((self.anna.home / SHEET).read_text(encoding="utf-8"))
        words = (person.passphrase for person in self.people)
        return [*said, *files, *people, *words, sheet.code]

    async def search(self) -> None:
        """Search all that the server has for every secret, in every form: none is there."""
        planted = self.stage.data / "planted"
        planted.write_bytes(b"\0".join(forms_of(PLANTED)))
        try:
            found, _ = await asyncio.to_thread(scan, self.stage.server_has, [PLANTED])
        finally:
            planted.unlink()
        forms = len(forms_of(PLANTED))
        _expect(len(found) == forms, "the planted text is found in all its forms")
        compressed, _ = await asyncio.to_thread(scan, self.stage.server_has[2:], COMPRESSION)
        _expect(not compressed, "traffic is not compressed: it could not be searched")
        secrets = self.secrets()
        hits, searched = await asyncio.to_thread(scan, self.stage.server_has, secrets)
        self.screen.note(
            f"\nSearched {searched / (1 << 20):,.0f} MiB for {len(secrets)} secrets, "
            "as UTF-8, UTF-16, base64, hex and JSON:\n"
            "database, WAL, blobs, vault, log and recorded traffic. "
            f"A planted text was found in its {forms} forms."
        )
        self.screen.note(
            f"Plaintext found at the server: {len(hits)}", "bold red" if hits else "bold green"
        )
        _expect(not hits, "nothing is found:\n" + "\n".join(_line(hit) for hit in hits))


async def _together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    return await asyncio.gather(*work)


async def _wait_for(screen: AsyncIterator[Facts], texts: list[str]) -> None:
    waiting = list(texts)
    async with asyncio.timeout(20):
        async for line in screen:
            if line["text"] in waiting:
                waiting.remove(line["text"])
            if not waiting:
                return
    raise PlayError("`mifeng tail` ended")


def _expect(condition: object, what: str) -> None:
    if not condition:
        raise PlayError(f"this should be so and is not: {what}")


def _names(people: list[Person]) -> str:
    return ", ".join(person.name for person in people)


def _line(hit: Hit) -> str:
    return f"  {hit.secret!r} as {hit.form} in {hit.file} at {hit.offset}"
