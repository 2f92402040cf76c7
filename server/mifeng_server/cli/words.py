"""What the facts of a table are called in the operator's language; in JSON names stay names."""

from __future__ import annotations

from functools import cache

from mifeng_server.text import _

__all__ = ["named"]


def named(name: str) -> str:
    """Say a name as people read it; of `policy: cap` both parts, and what is no word stays."""
    words = _words()
    if name in words:
        return words[name]
    whose, colon, what = name.partition(": ")
    return words.get(whose, whose) + colon + words.get(what, what)


@cache
def _words() -> dict[str, str]:
    return {
        "member": _("member"),
        "unit": _("unit"),
        "role": _("role"),
        "kind": _("kind"),
        "device": _("device"),
        "device, revoked": _("device, revoked"),
        "unused KeyPackages": _("unused KeyPackages"),
        "tree of unit": _("tree of unit"),
        "logged in until": _("logged in until"),
        "files": _("files"),
        "bytes of files": _("bytes of files"),
        "sealed card": _("sealed card"),
        "wrote": _("wrote"),
        "parent": _("parent"),
        "policy": _("policy"),
        "cap": _("cap"),
        "key_lifetime_s": _("key_lifetime_s"),
        "retention_s": _("retention_s"),
        "leaf_lifetime_s": _("leaf_lifetime_s"),
        "posting": _("posting"),
        "history": _("history"),
        "keep": _("keep"),
        "strict": _("strict"),
        "receipts": _("receipts"),
        "export": _("export"),
        "granted": _("granted"),
        "in the tree: member and device": _("in the tree: member and device"),
        "generation": _("generation"),
        "epoch": _("epoch"),
        "log_sequence": _("log_sequence"),
        "accepted_at": _("accepted_at"),
        "rotated_at": _("rotated_at"),
        "live entries": _("live entries"),
        "Welcomes waiting": _("Welcomes waiting"),
        "members": _("members"),
        "rows": _("rows"),
        "next to end": _("next to end"),
        "backup": _("backup"),
        "made_at": _("made_at"),
        "database_sha256": _("database_sha256"),
        "file_bytes": _("file_bytes"),
        "copied_bytes": _("copied_bytes"),
        "roster_entries": _("roster_entries"),
        "units": _("units"),
        "log_entries": _("log_entries"),
        "files_damaged": _("files_damaged"),
        "files_unopenable": _("files_unopenable"),
        "purged": _("purged"),
        "key": _("key"),
        "announce": _("announce"),
        "command": _("command"),
        "state": _("state"),
        "permissions": _("permissions"),
        "user": _("user"),
        "disk": _("disk"),
        "tls": _("tls"),
        "schema": _("schema"),
        "clock": _("clock"),
        "wal": _("wal"),
        "purge": _("purge"),
        "blobs": _("blobs"),
        "database": _("database"),
        "owner": _("owner"),
        "admin": _("admin"),
        "guest": _("guest"),
        "manager": _("manager"),
        "person": _("person"),
        "bot": _("bot"),
        "archive": _("archive"),
        "removed": _("removed"),
        "business": _("business"),
        "group": _("group"),
        "direct": _("direct"),
        "channel": _("channel"),
    }
