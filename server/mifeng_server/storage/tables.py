"""One table for each kind of row of `domain/rows.py`, with the row's fields as its columns."""

from __future__ import annotations

import dataclasses

from mifeng_server.domain import rows
from mifeng_server.domain.rows import KEYS, Row

__all__ = ["FIELDS", "NAMES"]

NAMES: dict[type[Row], str] = {
    rows.FoundingRow: "founding",
    rows.RosterRow: "roster",
    rows.RosterSnapshotRow: "roster_snapshots",
    rows.CharterRow: "charters",
    rows.GrantRow: "grants",
    rows.PlaceRow: "places",
    rows.DoomedRow: "doomed",
    rows.StayRow: "stays",
    rows.UnitRow: "units",
    rows.PartRow: "group_parts",
    rows.LogRow: "log",
    rows.ContentRow: "contents",
    rows.TreeRow: "trees",
    rows.WelcomeBodyRow: "welcome_bodies",
    rows.WelcomeRow: "welcomes",
    rows.KeyPackageRow: "key_packages",
    rows.ClaimRow: "claims",
    rows.CardRow: "cards",
    rows.PictureRow: "pictures",
    rows.BoxRow: "directory_boxes",
    rows.CounterRow: "counters",
    rows.FileRow: "files",
    rows.FetchRow: "fetches",
    rows.PostingRow: "postings",
    rows.TokenRow: "tokens",
    rows.StartRow: "starts",
    rows.SlotRow: "slots",
    rows.LinkRow: "links",
    rows.IdempotencyRow: "idempotency",
    rows.NonceRow: "nonces",
    rows.KeyRow: "server_keys",
    rows.LeaseRow: "leases",
}

FIELDS: dict[type[Row], tuple[str, ...]] = {
    kind: tuple(field.name for field in dataclasses.fields(kind)) for kind in KEYS
}
"""The columns, in their order."""
