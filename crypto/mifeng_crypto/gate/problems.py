"""Which problem code a server answers with, by the rule that was broken (protocol.md, "Problems").

A rule that is not here is answered with `refused`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mifeng_crypto.api.problems import ProblemCode

__all__ = ["PROBLEMS", "problem_of"]

PROBLEMS: Mapping[str, ProblemCode] = MappingProxyType(
    {
        "LEDGER-1": ProblemCode.STALE_HEAD,
        "LEDGER-5": ProblemCode.CLOCK,
        "LEDGER-6": ProblemCode.CLOCK,
        "CHARTER-4": ProblemCode.STALE_HEAD,
        "CHARTER-9": ProblemCode.CAP_EXCEEDED,
        "CHARTER-17": ProblemCode.STALE_HEAD,
        "GATE-2": ProblemCode.STALE_HEAD,
        "GATE-13": ProblemCode.REMOVES_DUE,
        "GATE-17": ProblemCode.CAP_EXCEEDED,
        "GATE-19": ProblemCode.KEY_EXPIRED,
        "GATE-21": ProblemCode.CLOCK,
        "GATE-23": ProblemCode.REMOVES_DUE,
        "GATE-24": ProblemCode.KEY_EXPIRED,
        "GATE-27": ProblemCode.WRONG_EPOCH,
        "GATE-33": ProblemCode.REMOVES_DUE,
        "GATE-31": ProblemCode.CLOCK,
        "GATE-36": ProblemCode.STALE_HEAD,
        "UNIT-2": ProblemCode.STALE_HEAD,
    }
)


def problem_of(rule: str) -> ProblemCode:
    """Return the problem code for a broken rule."""
    return PROBLEMS.get(rule, ProblemCode.REFUSED)
