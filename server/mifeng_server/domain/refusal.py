"""A request that is answered with a problem instead of what it asked for (RFC 9457)."""

from __future__ import annotations

from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import MifengError

__all__ = ["Refusal", "not_found"]


class Refusal(MifengError):  # noqa: N818 - it is an answer, and named like one
    """The answer is a problem.

    Attributes:
        code: which one; its status and its remedy stand with it.
        rule: the broken rule of protocol.md, where there is one.
        head_sequence: what the ledger or log has meanwhile, where that helps.
        retry_after_s: when to come back, where that helps.
    """

    def __init__(
        self,
        code: ProblemCode,
        detail: str = "",
        /,
        *,
        rule: str | None = None,
        head_sequence: int | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(detail or code.remedy)
        self.code = code
        self.detail = detail
        self.rule = rule
        self.head_sequence = head_sequence
        self.retry_after_s = retry_after_s


def not_found() -> Refusal:
    """What is absent and what one may not see are told in the same words."""
    return Refusal(ProblemCode.NOT_FOUND)
