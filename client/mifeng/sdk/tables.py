"""Tables for spreadsheets, in the reader's language."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from mifeng.sdk.looking import Found
from mifeng.sdk.wording import label_of, standing_word
from mifeng.text import _

__all__ = ["approvals_csv"]

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With what a cell begins that a spreadsheet takes for a formula."""


def approvals_csv(found: Iterable[Found]) -> str:
    """Write requests as CSV (RFC 4180), one a line, for spreadsheets.

    A cell that a spreadsheet would take for a formula begins with an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        [
            *(_("Unit"), _("Number"), _("Time"), _("By"), _("Template"), _("Title")),
            *(_("Standing"), _("Fields"), _("Decisions")),
        ]
    )
    for one in found:
        message, approval = one.message, one.message.approval
        if approval is None:
            continue
        fields = (label_of(approval.template, *answer) for answer in approval.answers if answer[1])
        decisions = (
            f"{one.person} {standing_word(one.verdict)} {one.comment}".strip()
            for one in approval.history
        )
        cells = [
            one.unit.title,
            str(message.sequence),
            message.time.isoformat(timespec="seconds"),
            str(message.sender),
            approval.template,
            approval.title,
            standing_word(approval.standing),
            "; ".join(f"{label}: {value}" for label, value in fields),
            "; ".join(decisions),
        ]
        writer.writerow([f"'{c}" if c.startswith(FORMULA) else c for c in cells])
    return out.getvalue()
