"""Output: for people in their language and time zone, or JSON, one object a line.

Everything that somebody else wrote goes through `printable` before it reaches a terminal.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from typing import TYPE_CHECKING

import typer

from mifeng.cli.routed import Routed
from mifeng.content import printable
from mifeng.sdk.wording import in_words, remarks, shown_name
from mifeng.text import _, size

if TYPE_CHECKING:
    from rich.console import Console

    from mifeng import Announcement, Approval, File, HandedOver, Message, Person, Poll, Unit

__all__ = [
    "as_json",
    "console",
    "file_facts",
    "left",
    "local_time",
    "message_facts",
    "person_facts",
    "print_message",
    "print_table",
    "say",
    "shown_name",
]


def say(text: str) -> None:
    """Print a line for people."""
    typer.echo(text)


def as_json(facts: object) -> None:
    """Print one object as a line of JSON."""
    typer.echo(json.dumps(facts, ensure_ascii=False))


def left(until: dt.datetime) -> str:
    """Write how long something still lives: `2 d 4 h`."""
    minutes = max(int((until - dt.datetime.now(dt.UTC)).total_seconds() // 60), 0)
    days, hours = divmod(minutes // 60, 24)
    if days:
        return _("{days} d {hours} h").format(days=days, hours=hours)
    if hours:
        return _("{hours} h {minutes} min").format(hours=hours, minutes=minutes % 60)
    return _("{minutes} min").format(minutes=minutes)


def local_time(at: int) -> str:
    """Write a time, in unix milliseconds, as it is here."""
    return dt.datetime.fromtimestamp(at / 1000, dt.UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def print_table(headings: list[str], rows: list[list[str]]) -> None:
    """Print rows under their headings; nothing is cut when the output is not a terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console().print(table)


def console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """Return where tables and bars are drawn; nothing is cut when that is not a terminal."""
    from rich.console import Console

    from mifeng.cli.options import LENT

    file, lent = sys.stderr if stderr else sys.stdout, LENT.get()
    width = 200 if not file.isatty() else lent.columns if lent else None
    # A bar is drawn by a thread of its own, which must find the caller's terminal.
    aim = file.here() if lent and isinstance(file, Routed) else None
    return Console(file=aim, stderr=stderr, width=width, highlight=False, quiet=quiet)


# ------------------------------------------------------------------ messages


def message_facts(unit: Unit, message: Message) -> dict[str, object]:
    """Return all of a message, with what the server has of it."""
    sender = message.sender
    return {
        "unit_id": unit.id.hex(),
        "sequence": message.sequence,
        "epoch": message.epoch,
        "kind": message.kind,
        "bytes": message.size,
        "accepted_at": int(message.time.timestamp() * 1000),
        "time": message.time.isoformat(timespec="milliseconds"),
        "sender": person_facts(sender) if sender else None,
        "text": message.text,
        "mentions": list(message.mentions),
        "calls_me": message.calls_me,
        "reply_to": message.reply_to or None,
        "thread": message.thread or None,
        "answers": list(message.answers),
        "reactions": {
            reaction.emoji: [person_facts(person) for person in reaction.people]
            for reaction in message.reactions
        },
        "is_edited": message.is_edited,
        "is_deleted": message.is_deleted,
        "is_quiet": message.is_quiet,
        "announcement": _announcement_facts(message.announcement),
        "poll": _poll_facts(message.poll),
        "approval": _approval_facts(message.approval),
        "notice": message.notice or None,
        "history": _history_facts(message.history),
        "files": [file_facts(file) for file in message.files],
        "problem": message.problem,
        "rule": message.rule or None,
        "stuck": message.stuck,
        "author": person_facts(message.author) if message.author else None,
        "added": [person_facts(person) for person in message.added],
        "removed": [person_facts(person) for person in message.removed],
        "devices": [
            {**person_facts(one.person), "kind": one.kind, "change": one.change}
            for one in message.devices
        ],
    }


def _announcement_facts(announcement: Announcement | None) -> dict[str, object] | None:
    if announcement is None:
        return None
    return {
        "title": announcement.title,
        "text": announcement.text,
        "confirmed": [
            {**person_facts(person), "at": int(time.timestamp() * 1000)}
            for person, time in announcement.confirmed
        ],
        "missing": [person_facts(person) for person in announcement.missing],
        "asks_me": announcement.asks_me,
        "reminded_me": announcement.reminded_me,
    }


def _poll_facts(poll: Poll | None) -> dict[str, object] | None:
    if poll is None:
        return None
    return {
        "question": poll.question,
        "choices": [
            {"text": choice.text, "people": [person_facts(person) for person in choice.people]}
            for choice in poll.choices
        ],
        "several": poll.several,
        "closes_at": int(poll.closes_at.timestamp() * 1000) if poll.closes_at else None,
        "is_open": poll.is_open,
        "voters": poll.voters,
        "voted": poll.voted,
        "mine": list(poll.mine),
    }


def _approval_facts(approval: Approval | None) -> dict[str, object] | None:
    if approval is None:
        return None
    return {
        "template": approval.template,
        "title": approval.title,
        "answers": [{"label": label, "value": value} for label, value in approval.answers],
        "steps": [
            {
                "rule": step.rule,
                "people": [person_facts(person) for person in step.people],
                "approved": [person_facts(person) for person in step.approved],
            }
            for step in approval.steps
        ],
        "step": approval.step,
        "standing": approval.standing,
        "history": [
            {
                **person_facts(one.person),
                "verdict": one.verdict,
                "comment": one.comment,
                "at": int(one.time.timestamp() * 1000),
            }
            for one in approval.history
        ],
        "waiting_for": [person_facts(person) for person in approval.waiting_for],
        "waits_for_me": approval.waits_for_me,
        "reminded_me": approval.reminded_me,
    }


def person_facts(person: Person) -> dict[str, object]:
    """Return who somebody is."""
    facts: dict[str, object] = {"member_id": person.id.hex(), "name": person.name}
    return {**facts, "bot": True} if person.is_bot else facts


def file_facts(file: File) -> dict[str, object]:
    """Return what a message says of a file, without its secret."""
    return {
        "file_id": file.id.hex(),
        "name": file.name,
        "content_type": file.content_type,
        "size": file.size,
        "width": file.preview.width or None,
        "height": file.preview.height or None,
        "duration_ms": file.preview.duration_ms or None,
        "pages": file.preview.pages or None,
        "ciphertext_sha256": file.attachment.digest.hex(),
    }


def print_message(message: Message) -> None:
    """Print a line of the timeline for people; changes of membership as a remark."""
    time = message.time.astimezone().strftime("%H:%M")
    if message.kind != "message" or message.history:
        for remark in remarks(message):
            typer.echo(f"{time}  · {remark}")
        return
    name = shown_name(message.sender) if message.sender else "?"
    number = f"#{message.sequence}"
    above = message.reply_to or message.thread
    number += f" > #{above}" if above else ""
    is_here = not message.problem and not message.is_deleted
    files = [f"[{printable(file.name)}, {size(file.size)}]" for file in message.files]
    first, *rest = [*in_words(message), *(files if is_here else ())] or [""]
    if message.is_edited:
        first += " " + _("(edited)")
    typer.echo(f"{time} {number}  {name}: {first}")
    for line in rest:
        typer.echo(f"       {line}")
    if message.reactions:
        told = "  ".join(f"{printable(r.emoji)} {len(r.people)}" for r in message.reactions)
        typer.echo(f"       {told}")


def _history_facts(handed: HandedOver | None) -> dict[str, object] | None:
    if handed is None:
        return None
    return {
        "messages": handed.messages,
        "people": [person_facts(person) for person in handed.people],
        "is_for_this": handed.is_for_this,
    }
