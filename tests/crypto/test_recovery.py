"""The code of a recovery sheet: 128 bits that survive being written down and typed."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifeng_crypto.errors import UsageError
from mifeng_crypto.ids import MemberId
from mifeng_crypto.recovery import ALPHABET, format_code, parse_code, recovery_seed

CODES = st.binary(min_size=16, max_size=16)


@given(CODES)
def test_what_was_written_is_read_however_it_is_typed(code: bytes) -> None:
    written = format_code(code)
    assert [len(group) for group in written.split("-")] == [4] * 7
    typed = written.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert parse_code(written) == parse_code(f" {typed}\n") == code


@given(CODES, st.integers(0, 27), st.sampled_from(ALPHABET))
def test_one_wrong_letter_is_nearly_always_seen(code: bytes, at: int, letter: str) -> None:
    letters = list(format_code(code).replace("-", ""))
    if letters[at] != letter:
        letters[at] = letter
        with contextlib.suppress(UsageError):
            assert parse_code("".join(letters)) != code  # one in 4,096 passes as another code


@pytest.mark.parametrize("text", ["", "ABCD", "U" * 28, "é" * 28, "0" * 29])
def test_what_is_no_code_is_named_so(text: str) -> None:
    with pytest.raises(UsageError):
        parse_code(text)


def test_a_code_is_of_one_member_and_shows_nothing() -> None:
    code = parse_code(format_code(bytes(range(16))))
    one, other = MemberId(bytes(16)), MemberId(b"\1" * 16)
    assert recovery_seed(code, one) != recovery_seed(code, other)
    assert recovery_seed(code, one) == recovery_seed(bytes(range(16)), one)
    assert "bytes" in repr(code)
    assert "bytes" in repr(recovery_seed(code, one))
