"""What a unit goes by: show its policy, change it."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated

import typer

from mifeng.cli.options import opened, options, run
from mifeng.text import _, ngettext
from mifeng_crypto.errors import UsageError

if TYPE_CHECKING:
    from mifeng import Governed

__all__ = ["duration", "policy"]

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class PostingChoice(enum.StrEnum):
    """Who may post."""

    EVERYONE = "everyone"
    PUBLISHERS = "publishers"
    COMMENTS = "comments"


class HistoryChoice(enum.StrEnum):
    """What a newcomer may read of before."""

    NONE = "none"
    WINDOW = "window"


class KeepChoice(enum.StrEnum):
    """Whether a live file may be posted again."""

    ALLOWED = "allowed"
    DENIED = "denied"


class StrictChoice(enum.StrEnum):
    """Whether the server has a part in the keys of what a device keeps."""

    OFF = "off"
    ON = "on"


class ReceiptsChoice(enum.StrEnum):
    """Whether members see who has received and read."""

    OFF = "off"
    ON = "on"


class ExportChoice(enum.StrEnum):
    """Whether an export is told to the unit."""

    SILENT = "silent"
    NOTICE = "notice"


def duration(text: str) -> int:
    """Read `72h`, `30d`, `90m` or a number of seconds.

    Raises:
        UsageError: it is none of these.
    """
    number, unit = (text[:-1], text[-1:]) if text[-1:] in SECONDS else (text, "s")
    if not (number.isascii() and number.isdigit()) or len(number) > 9:
        raise UsageError("{text} is no duration; write it like 72h or 30d", text=text)
    return int(number) * SECONDS[unit]


def policy(  # noqa: PLR0917 - an option a field
    context: typer.Context,
    unit: Annotated[str, typer.Argument(help=_("A unit's title, its beginning, or its id."))],
    cap: Annotated[
        int | None, typer.Option(min=0, max=65_535, help=_("How many people, 1 to 1000."))
    ] = None,
    key_lifetime: Annotated[
        str | None,
        typer.Option(metavar="TIME", help=_("How long keys are used: 1h to 72h.")),
    ] = None,
    retention: Annotated[
        str | None,
        typer.Option(metavar="TIME", help=_("How long all can be read: 3d to 365d.")),
    ] = None,
    posting: Annotated[
        PostingChoice | None,
        typer.Option(
            help=_("Who may post; with comments publishers post, and all answer in threads.")
        ),
    ] = None,
    history: Annotated[
        HistoryChoice | None, typer.Option(help=_("What newcomers may read of before."))
    ] = None,
    keep: Annotated[
        KeepChoice | None, typer.Option(help=_("Whether files may be posted again."))
    ] = None,
    strict: Annotated[
        StrictChoice | None,
        typer.Option(help=_("Whether devices need the server to read what they keep.")),
    ] = None,
    receipts: Annotated[
        ReceiptsChoice | None, typer.Option(help=_("Whether members see who has read."))
    ] = None,
    export: Annotated[
        ExportChoice | None, typer.Option(help=_("Whether the unit is told of an export."))
    ] = None,
) -> None:
    """Show what a unit goes by, or change it."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json
        from mifeng_crypto.ledger.policy import Export, History, Keep, Posting, Receipts, Strict

        changes = (cap, key_lifetime, retention, posting, history, keep, strict, receipts, export)
        async with opened(told) as me:
            where = await me.governed(unit)
            if any(value is not None for value in changes):
                await where.set_policy(
                    cap=cap,
                    key_lifetime_s=duration(key_lifetime) if key_lifetime is not None else None,
                    retention_s=duration(retention) if retention is not None else None,
                    posting=Posting[posting.name] if posting else None,
                    history=History[history.name] if history else None,
                    keep=Keep[keep.name] if keep else None,
                    strict=Strict[strict.name] if strict else None,
                    receipts=Receipts[receipts.name] if receipts else None,
                    export=Export[export.name] if export else None,
                )
            if told.json:
                as_json({"unit_id": where.id.hex(), **_facts(where)})
            else:
                _print(where)

    run(told, main)


def _facts(where: Governed) -> dict[str, object]:
    goes_by = where.policy
    return {
        "cap": goes_by.cap,
        "key_lifetime_s": goes_by.key_lifetime_s,
        "retention_s": goes_by.retention_s,
        "leaf_lifetime_s": goes_by.leaf_lifetime_s,
        "posting": goes_by.posting.name.lower(),
        "history": goes_by.history.name.lower(),
        "keep": goes_by.keep.name.lower(),
        "strict": goes_by.strict.name.lower(),
        "receipts": goes_by.receipts.name.lower(),
        "export": goes_by.export.name.lower(),
    }


def _print(where: Governed) -> None:
    from mifeng.cli.show import print_table

    goes_by = where.policy
    rows = [
        [_("people at most"), str(goes_by.cap)],
        [_("keys are used for"), _span(goes_by.key_lifetime_s)],
        [_("all can be read for"), _span(goes_by.retention_s)],
        [_("a silent device stays for"), _span(goes_by.leaf_lifetime_s)],
        [_("who may post"), goes_by.posting.name.lower()],
        [_("newcomers read of before"), goes_by.history.name.lower()],
        [_("files may be posted again"), goes_by.keep.name.lower()],
        [_("devices need the server to read"), goes_by.strict.name.lower()],
        [_("members see who has read"), goes_by.receipts.name.lower()],
        [_("an export is told to the unit"), goes_by.export.name.lower()],
    ]
    print_table([_("Policy"), ""], rows)


def _span(seconds: int) -> str:
    if seconds % SECONDS["d"] == 0:
        days = seconds // SECONDS["d"]
        return ngettext("{n} day", "{n} days", days).format(n=days)
    if seconds % SECONDS["h"] == 0:
        hours = seconds // SECONDS["h"]
        return ngettext("{n} hour", "{n} hours", hours).format(n=hours)
    return ngettext("{n} second", "{n} seconds", seconds).format(n=seconds)
