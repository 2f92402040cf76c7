"""All that one can read of a unit, in open formats: JSON lines, a page of HTML, and the files.

What is exported is in the clear and knows no end: whoever exports it is answerable for it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mifeng.content import printable
from mifeng.content.documents import Exported
from mifeng.content.file_name import safe_name
from mifeng.errors import ServerProblem
from mifeng.sdk.approving import Approving
from mifeng.sdk.values import File, Message, Person
from mifeng.sdk.wording import in_words, remarks, shown_name
from mifeng.text import _
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.ledger.policy import Export

__all__ = ["Exporting", "Written", "article", "safe"]

_HEAD = """<!doctype html>
<html lang="und"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>body{{font:16px/1.5 sans-serif;max-width:46em;margin:2em auto;padding:0 1em}}
article{{border-top:1px solid #ccc;padding:.5em 0;white-space:pre-wrap;overflow-wrap:anywhere}}
header,footer{{color:#555}}.remark{{color:#777}}</style></head><body>
<h1>{title}</h1>
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Written:
    """What an export has written, and the files that could not be had, with the reason."""

    folder: Path
    messages: int
    files: int
    missing: tuple[tuple[str, str], ...]


class Exporting(Approving):
    """What a unit's object has of exports."""

    async def export(
        self,
        folder: str | Path,
        *,
        with_files: bool = True,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> Written:
        """Write all that this device can read here: `messages.jsonl`, `index.html` and `files/`.

        Where the unit's policy asks for it, the unit is told first.

        Args:
            folder: made by this; it must be empty or not there.
            with_files: whether to fetch the files that are live.
            progress: called with files done and files in all.

        Raises:
            UsageError: there is something in the folder already.
            MifengError: as `send`, where the unit has to be told.
        """
        target = Path(folder)
        if await asyncio.to_thread(_is_taken, target):
            raise UsageError("{path} is not empty; name another folder", path=target)
        if self.policy.export is Export.NOTICE:
            await self._say(Exported())
        lines = await self.timeline()
        shown = list({file.id: file for line in lines for file in line.files}.values())
        await asyncio.to_thread(target.mkdir, mode=0o700, parents=True, exist_ok=True)
        where, missing = dict[bytes, str](), list[tuple[str, str]]()
        for n, file in enumerate(shown if with_files else (), 1):
            try:
                where[file.id] = await self._fetch(file, target / "files", n)
            except ServerProblem as err:
                if err.code not in (ProblemCode.GONE, ProblemCode.NOT_FOUND):
                    raise
                missing.append((file.name, str(err)))
            except ProtocolError as err:
                if err.rule != "FILE-7":
                    raise
                missing.append((file.name, str(err)))
            progress(n, len(shown))
        await asyncio.to_thread(_write, target, self.title, lines, where)
        count = sum(line.kind == "message" for line in lines)
        return Written(target, count, len(where), tuple(missing))

    async def _fetch(self, file: File, folder: Path, n: int) -> str:
        await asyncio.to_thread(folder.mkdir, mode=0o700, exist_ok=True)
        path = await self.download(file, folder / f"{n:04}-{safe_name(file.name)}")
        return f"files/{path.name}"


def _is_taken(folder: Path) -> bool:
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def _write(target: Path, title: str, lines: list[Message], where: dict[bytes, str]) -> None:
    with (target / "messages.jsonl").open("x", encoding="utf-8") as out:
        for line in lines:
            facts = _plain(line)
            facts["files"] = [_file(file, where) for file in line.files]
            out.write(json.dumps(facts, ensure_ascii=False) + "\n")
    with (target / "index.html").open("x", encoding="utf-8") as out:
        out.write(_HEAD.format(title=safe(title)))
        out.writelines(article(line, where) for line in lines)
        out.write("</body></html>\n")


def _file(file: File, where: dict[bytes, str]) -> dict[str, Any]:
    return {
        "file_id": file.id.hex(),
        "name": file.name,
        "content_type": file.content_type,
        "size": file.size,
        "path": where.get(file.id),
    }


def _plain(value: Any) -> Any:  # noqa: ANN401 - any value of the SDK, and its JSON
    """Write a value of the SDK as JSON; what holds a secret is a File, and left to `_file`."""
    match value:
        case Person():
            return {"member_id": value.id.hex(), "name": value.name, "bot": value.is_bot}
        case dt.datetime():
            return value.isoformat(timespec="milliseconds")
        case bytes():
            return value.hex()
        case tuple() | list():
            return [_plain(one) for one in value]
        case File():
            return None
        case _ if dataclasses.is_dataclass(value):
            return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        case _:
            return value


def article(line: Message, where: dict[bytes, str]) -> str:
    """Write a line as HTML; what others wrote in it is text, and never anything else.

    Args:
        line: of the timeline.
        where: the paths of the files that were fetched, by id.
    """
    time = line.time.strftime("%Y-%m-%d %H:%M UTC")
    if line.kind != "message":
        told = remarks(line)
        return "".join(f'<p class="remark">{time} {safe(remark)}</p>\n' for remark in told)
    name = safe(shown_name(line.sender) if line.sender else "?")
    head = f"{time} #{line.sequence} <b>{name}</b>"
    if above := line.reply_to or line.thread:
        head += f' <a href="#n{above}">&gt; #{above}</a>'
    if line.is_edited:
        head += " " + safe(_("(edited)"))
    said = safe("\n".join([*in_words(line), *_people_of(line)]))
    files = "".join(_link(file, where) for file in line.files)
    reactions = "  ".join(
        f"{one.emoji} {', '.join(map(str, one.people))}" for one in line.reactions
    )
    foot = f"<footer>{safe(reactions)}</footer>" if reactions else ""
    return f'<article id="n{line.sequence}"><header>{head}</header>{said}{files}{foot}</article>\n'


def _people_of(line: Message) -> list[str]:
    """Who has confirmed or voted, by name: what `in_words` only counts."""
    if line.announcement:
        people = [str(person) for person, _at in line.announcement.confirmed]
        return [_("Confirmed: {names}").format(names=", ".join(people))] if people else []
    if line.poll:
        return [
            f"{choice.text}: {', '.join(map(str, choice.people))}"
            for choice in line.poll.choices
            if choice.people
        ]
    return []


def _link(file: File, where: dict[bytes, str]) -> str:
    name = safe(file.name)
    if file.id not in where:
        return f"<div>{name}</div>"
    return f'<div><a href="{safe(where[file.id])}">{name}</a></div>'


def safe(text: str) -> str:
    """Write a text of others so that a browser shows it and obeys nothing of it."""
    return html.escape(printable(text, lines=True), quote=True)
