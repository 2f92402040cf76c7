"""What an error is as an exit code (docs/cli.md). Stable: scripts rely on it.

0 done · 2 wrong usage · 3 not found · 4 refused · 5 network · 6 profile or disk · 7 not authentic
8 overdue: somebody who was removed a day ago is still in a unit
"""

from __future__ import annotations

import enum

from mifeng.errors import (
    AccessEndedError,
    InviteSpentError,
    LinkSpentError,
    NotFoundError,
    ReadOnlyError,
    ServerProblem,
    SheetSpentError,
    UnitClosedError,
)
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import (
    CodecError,
    CryptoError,
    MifengError,
    ProtocolError,
    StorageError,
    TransportError,
    UsageError,
)

__all__ = ["ExitCode", "exit_code_of"]


class ExitCode(enum.IntEnum):
    """What a script may rely on."""

    OK = 0
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    NETWORK = 5
    STORAGE = 6
    NOT_AUTHENTIC = 7
    OVERDUE = 8


# The first that fits counts: subclasses stand before their bases.
_BY_TYPE: tuple[tuple[type[MifengError], ExitCode], ...] = (
    (NotFoundError, ExitCode.NOT_FOUND),
    (AccessEndedError, ExitCode.REFUSED),
    (InviteSpentError, ExitCode.REFUSED),
    (LinkSpentError, ExitCode.REFUSED),
    (SheetSpentError, ExitCode.REFUSED),
    (UnitClosedError, ExitCode.REFUSED),
    (ReadOnlyError, ExitCode.REFUSED),
    (UsageError, ExitCode.USAGE),
    (TransportError, ExitCode.NETWORK),
    (StorageError, ExitCode.STORAGE),
    (CryptoError, ExitCode.NOT_AUTHENTIC),
    (CodecError, ExitCode.NOT_AUTHENTIC),
)
_BY_PROBLEM = {
    ProblemCode.NOT_FOUND: ExitCode.NOT_FOUND,
    ProblemCode.GONE: ExitCode.NOT_FOUND,
    ProblemCode.INTERNAL: ExitCode.NETWORK,
    ProblemCode.STORAGE_FULL: ExitCode.NETWORK,
}
# What this person may not do, by the ledgers' own rules: refused here before it is even sent.
_RIGHTS = ("LINK-3", "ROSTER-", "CHARTER-", "POLICY-", "GATE-")
# What this person gave, against a limit: a name, a text.
_LIMITS = ("CARD-1", "CARD-4", "CONTENT-1", "CONTENT-3")


def exit_code_of(err: MifengError) -> ExitCode:
    """Return the exit code that tells a script what happened."""
    if isinstance(err, ServerProblem):
        return _BY_PROBLEM.get(err.code, ExitCode.REFUSED) if err.code else ExitCode.REFUSED
    if isinstance(err, ProtocolError):
        if err.rule in _LIMITS:
            return ExitCode.USAGE
        return ExitCode.REFUSED if err.rule.startswith(_RIGHTS) else ExitCode.NOT_AUTHENTIC
    return next((code for kind, code in _BY_TYPE if isinstance(err, kind)), ExitCode.USAGE)
