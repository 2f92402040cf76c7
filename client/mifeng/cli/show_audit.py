"""An audit's report: tables for people, or JSON, one object a line.

An auditor has no names: people, devices and units are shown by id.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mifeng.cli.show import as_json, local_time
from mifeng.cli.show import console as a_console
from mifeng.content import printable
from mifeng.text import _, explain, ngettext
from mifeng_crypto.audit import Report, Weight
from mifeng_crypto.audit.report import Finding, LedgerLine, LogReport, UnitReport

__all__ = ["as_lines", "as_tables"]

SHORT = 8
STYLES = {
    Weight.PROVEN: "bold red",
    Weight.FAULT: "red",
    Weight.SHOWN: "magenta",
    Weight.CLAIMED: "yellow",
    Weight.GAP: "dim",
}


def _weights() -> Mapping[Weight, str]:
    return {
        Weight.PROVEN: _("proven by the server's signature"),
        Weight.FAULT: _("breaks a rule"),
        Weight.SHOWN: _("shown by an alarm's evidence"),
        Weight.CLAIMED: _("claimed by a device"),
        Weight.GAP: _("not in the export"),
    }


def _short(value: bytes | None) -> str:
    return value.hex()[:SHORT] if value is not None else ""


def _hours(ms: int) -> str:
    return f"{ms / 3_600_000:.1f} h"


# ------------------------------------------------------------------ for people


def as_tables(path: Path, report: Report) -> None:
    """Print a report for people."""
    console = a_console()
    when = local_time(report.exported_at)
    console.rule(escape(str(path)))
    console.print(
        _("Workspace {workspace}, exported by {member} at {when}.").format(
            workspace=report.workspace_id.hex(), member=_short(report.member_id), when=when
        )
    )
    if report.roster is not None:
        console.print(_("Genesis {hash}").format(hash=report.roster.genesis.hex()))
    console.print(_ledger(_("Roster: who signed what, by which right"), report.lines))
    for unit in report.units.values():
        _unit(console, unit)
    signed = ngettext(
        "The server has signed {n} head, which was verified.",
        "The server has signed {n} heads, which were verified.",
        report.signed,
    )
    console.print(signed.format(n=report.signed))
    if report.findings:
        console.print(_findings(report))
    verdict = (
        _("Nothing is wrong in what could be looked at.")
        if report.is_clean
        else _("There is something wrong: see the table.")
    )
    console.print(verdict, style="green" if report.is_clean else "bold red")


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _ledger(title: str, lines: list[LedgerLine]) -> Table:
    table = _table(title, "#", _("Time"), _("Signed by"), _("Right"), _("Entry"), _("Whom"), "")
    for line in lines:
        table.add_row(
            str(line.sequence),
            local_time(line.time),
            _short(line.author),
            line.right,
            line.action,
            _short(line.subject),
            escape(printable(line.detail)),
        )
    return table


def _unit(console: Console, unit: UnitReport) -> None:
    kind = unit.charter.kind.name.lower() if unit.charter is not None else "?"
    heading = _("Unit {unit} ({kind})").format(unit=unit.unit_id.hex(), kind=kind)
    console.print()
    console.print(heading, style="bold")
    console.print(_ledger(_("Charter"), unit.lines))
    for log in unit.logs:
        _log(console, log)


def _log(console: Console, log: LogReport) -> None:
    oldest = max((epoch.oldest_ms for epoch in log.epochs), default=0)
    facts = _(
        "Log of generation {generation}: {entries} entries, {commits} commits, {messages} messages "
        "of which {expired} have expired; membership is known up to entry {known}; no message "
        "under keys older than {oldest}."
    )
    console.print(
        facts.format(
            generation=log.group.generation,
            entries=log.entries,
            commits=log.commits,
            messages=log.messages,
            expired=log.expired,
            known=log.followed_to,
            oldest=_hours(oldest),
        )
    )
    table = _table(
        _("Who was in"),
        "#",
        _("Time"),
        _("Epoch"),
        _("Committed by"),
        _("In"),
        _("Out"),
        _("People"),
    )
    for line in log.membership:
        table.add_row(
            str(line.sequence),
            local_time(line.time),
            str(line.epoch),
            _short(line.by),
            " ".join(map(_short, line.added)),
            " ".join(map(_short, line.removed)),
            str(line.people),
        )
    console.print(table)


def _findings(report: Report) -> Table:
    table = _table(_("Findings"), _("Weight"), _("Rule"), _("Where"), _("What"))
    weights = _weights()
    for finding in sorted(report.findings, key=lambda f: list(Weight).index(f.weight)):
        table.add_row(
            weights[finding.weight],
            finding.rule,
            escape(printable(finding.place)),
            escape(printable(explain(finding.error))),
            style=STYLES[finding.weight],
        )
    return table


# ------------------------------------------------------------------ for scripts


def as_lines(path: Path, report: Report) -> None:
    """Print a report as JSON, one object a line."""
    as_json(
        {
            "type": "export",
            "file": str(path),
            "workspace_id": report.workspace_id.hex(),
            "genesis": report.roster.genesis.hex() if report.roster else None,
            "member_id": report.member_id.hex(),
            "exported_at": report.exported_at,
        }
    )
    for line in report.lines:
        as_json({"type": "roster", **_line_facts(line)})
    for unit in report.units.values():
        for line in unit.lines:
            as_json({"type": "charter", "unit_id": unit.unit_id.hex(), **_line_facts(line)})
        for log in unit.logs:
            _log_lines(log)
    for finding in report.findings:
        as_json({"type": "finding", **_finding_facts(finding)})
    counts = {weight.value: len(report.weighed([weight])) for weight in Weight}
    as_json({"type": "summary", "clean": report.is_clean, "signed": report.signed, **counts})


def _line_facts(line: LedgerLine) -> dict[str, object]:
    return {
        "sequence": line.sequence,
        "time": line.time,
        "author": line.author.hex(),
        "device": line.device.hex() if line.device else None,
        "right": line.right,
        "action": line.action,
        "subject": line.subject.hex() if line.subject else None,
        "detail": line.detail,
    }


def _log_lines(log: LogReport) -> None:
    place = {"unit_id": log.group.unit_id.hex(), "generation": log.group.generation}
    as_json(
        {
            "type": "log",
            **place,
            "entries": log.entries,
            "commits": log.commits,
            "messages": log.messages,
            "expired": log.expired,
            "followed_to": log.followed_to,
        }
    )
    for line in log.membership:
        as_json(
            {
                "type": "membership",
                **place,
                "sequence": line.sequence,
                "epoch": line.epoch,
                "time": line.time,
                "by": line.by.hex() if line.by else None,
                "added": [member.hex() for member in line.added],
                "removed": [member.hex() for member in line.removed],
                "people": line.people,
            }
        )
    for epoch in log.epochs:
        as_json(
            {
                "type": "epoch",
                **place,
                "epoch": epoch.epoch,
                "sequence": epoch.sequence,
                "time": epoch.time,
                "fresh_keys": epoch.fresh_keys,
                "messages": epoch.messages,
                "oldest_key_s": epoch.oldest_ms // 1000,
            }
        )


def _finding_facts(finding: Finding) -> dict[str, object]:
    return {
        "weight": finding.weight.value,
        "rule": finding.rule,
        "place": finding.place,
        "message": str(finding.error),
    }
