"""What every check needs: a case, a suite or a reason to skip it, bytes from hex."""

from __future__ import annotations

from typing import Any, TypeAlias

from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import SUITES, Suite

Case: TypeAlias = dict[str, Any]

b = bytes.fromhex


class Skipped(Exception):  # noqa: N818 - it is no error
    """This case is about something that the project does not have; the message says what."""


def suite_of(case: Case) -> Suite:
    """Return the suite of a case of RFC 9420; skips the two on curves that we do not have."""
    number = case["cipher_suite"]
    if number not in SUITES:
        raise Skipped({4: "suite 4: X448", 6: "suite 6: X448"}.get(number, f"suite {number}"))
    return SUITES[number]


def signature_private(suite: Suite, value: str) -> bytes:
    """Return a private signature key; some of P-521 were published without their leading zero."""
    return b(value).rjust(suite.signature.private_bytes, b"\0")


def hpke_private(suite: Suite, value: str) -> Secret:
    """Return a private HPKE key; some of P-521 were published without their leading zero."""
    return Secret(b(value).rjust(suite.kem.private_bytes, b"\0"))
