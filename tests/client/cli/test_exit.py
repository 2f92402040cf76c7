"""Scripts rely on the exit codes: one for each kind of trouble."""

from __future__ import annotations

import pytest

from mifeng import errors
from mifeng.cli.exit import exit_code_of
from mifeng.cli.options import hoist
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


@pytest.mark.parametrize(
    ("err", "code"),
    [
        (UsageError("x"), 2),
        (ProtocolError("CARD-1", "x"), 2),
        (ProtocolError("CONTENT-1", "x"), 2),
        (errors.NotFoundError("x"), 3),
        (errors.ServerProblem(404, ProblemCode.NOT_FOUND), 3),
        (errors.ServerProblem(410, ProblemCode.GONE), 3),
        (errors.AccessEndedError("x"), 4),
        (errors.InviteSpentError("x"), 4),
        (errors.ServerProblem(403, ProblemCode.FORBIDDEN), 4),
        (errors.ServerProblem(422, ProblemCode.REFUSED), 4),
        (errors.ServerProblem(418, None), 4),
        (ProtocolError("CHARTER-5", "x"), 4),
        (ProtocolError("ROSTER-5", "x"), 4),
        (TransportError("x"), 5),
        (errors.ServerProblem(500, ProblemCode.INTERNAL), 5),
        (StorageError("x"), 6),
        (errors.ProfileBusyError("x", 1), 6),
        (errors.WrongPassphraseError("x"), 6),
        (errors.DiskFullError("x"), 6),
        (errors.ServerIdentityError("x"), 7),
        (CryptoError("x"), 7),
        (CodecError("x"), 7),
        (ProtocolError("LOG-3", "x"), 7),
        (ProtocolError("FILE-2", "x"), 7),
    ],
)
def test_each_kind_of_trouble_has_its_exit_code(err: MifengError, code: int) -> None:
    assert exit_code_of(err) == code


def test_common_options_may_stand_anywhere_but_behind_two_dashes() -> None:
    given = ["send", "--json", "Research", "--profile", "p", "--lang=en", "--", "--json"]
    expected = ["--json", "--profile", "p", "--lang=en", "send", "Research", "--", "--json"]
    assert hoist(given) == expected
