"""From a broken rule to a problem: which code goes with which rule (protocol.md, "Problems")."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError
from mifeng_crypto.gate import problem_of
from mifeng_server.domain.refusal import Refusal

__all__ = ["refusing"]
_WITH_HEAD = {ProblemCode.STALE_HEAD, ProblemCode.WRONG_EPOCH, ProblemCode.REFUSED}
"""Who has not seen the last entries judges by other ledgers, and may be refused for that alone."""


@contextmanager
def refusing(*, head_sequence: int | None = None) -> Iterator[None]:
    """Answer what the protocol's own code refuses within with the problem that fits.

    Args:
        head_sequence: what the ledger or log in question has, for those who have to catch up.
    """
    try:
        yield
    except CodecError as err:
        raise Refusal(ProblemCode.MALFORMED, str(err)) from err
    except CryptoError as err:
        raise Refusal(ProblemCode.REFUSED, str(err)) from err
    except ProtocolError as err:
        code = problem_of(err.rule)
        head = head_sequence if code in _WITH_HEAD else None
        raise Refusal(code, str(err), rule=err.rule, head_sequence=head) from err
