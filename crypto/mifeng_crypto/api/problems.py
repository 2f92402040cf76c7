"""Problem codes: what a server may answer instead of what was asked (RFC 9457).

A code is stable; its title and detail are for people. `status` and the remedy stand here once,
for the server that sends, the client that explains, and the OpenAPI document.
"""

from __future__ import annotations

import enum

import msgspec

__all__ = ["PROBLEM_CONTENT_TYPE", "Problem", "ProblemCode"]

PROBLEM_CONTENT_TYPE = "application/problem+json"


class ProblemCode(enum.Enum):
    """Code, HTTP status, and the remedy in a few words."""

    def __init__(self, code: str, status: int, remedy: str) -> None:
        self.code = code
        self.status = status
        self.remedy = remedy

    MALFORMED = ("malformed", 400, "send the body that the API document describes")
    UNAUTHENTICATED = ("unauthenticated", 401, "log in again")
    FORBIDDEN = ("forbidden", 403, "ask somebody who has the right")
    NOT_FOUND = ("not_found", 404, "check the id; you may also lack access")
    METHOD_NOT_ALLOWED = ("method_not_allowed", 405, "use the method that the API document names")
    STALE_HEAD = ("stale_head", 409, "fetch the ledger's new entries, sign again, send again")
    WRONG_EPOCH = ("wrong_epoch", 409, "catch up with the log, encrypt again, send again")
    REMOVES_DUE = ("removes_due", 409, "commit the removals that the ledgers demand, then send")
    KEY_EXPIRED = ("key_expired", 409, "commit a rotation, then send")
    CLOCK = ("clock", 409, "set this device's clock, then send again")
    CAP_EXCEEDED = ("cap_exceeded", 409, "remove somebody or open another unit")
    ALREADY_FOUNDED = ("already_founded", 409, "ask the owner for an invite")
    OFFSET_MISMATCH = ("offset_mismatch", 409, "ask for the offset with HEAD and go on from there")
    IDEMPOTENCY_MISMATCH = ("idempotency_mismatch", 409, "use a new key for a different request")
    GONE = ("gone", 410, "its time is over; ask its author to post it again")
    TOO_LARGE = ("too_large", 413, "send less")
    QUOTA_EXCEEDED = (
        "quota_exceeded",
        413,
        "delete a message that has files, or wait until older ones are over",
    )
    UNSUPPORTED_MEDIA_TYPE = ("unsupported_media_type", 415, "send JSON or MessagePack")
    REFUSED = ("refused", 422, "the named rule of protocol.md says what is wrong")
    UPGRADE_REQUIRED = ("upgrade_required", 426, "install a newer mifeng")
    CHECKSUM_MISMATCH = ("checksum_mismatch", 460, "send the same bytes again")
    TOO_MANY_REQUESTS = ("too_many_requests", 429, "wait as long as Retry-After says")
    INTERNAL = ("internal", 500, "tell the operator; the log of the server has more")
    UNAVAILABLE = ("unavailable", 503, "wait as long as Retry-After says")
    STORAGE_FULL = ("storage_full", 507, "tell the operator that the disk is full")


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every answer that is not a success.

    `rule` is the id of the broken rule of protocol.md, where one was. `head_sequence` comes with
    `stale_head`, `wrong_epoch` and `refused`: what the ledger or log has meanwhile.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    rule: str | None = None
    head_sequence: int | None = None
