"""`import mifeng`: every name that it promises is there, and every error of the client."""

from __future__ import annotations

import inspect

import mifeng
from mifeng import errors
from mifeng_crypto.errors import MifengError


def test_every_name_that_is_promised_is_there() -> None:
    for name in mifeng.__all__:
        assert getattr(mifeng, name) is not None
    assert set(mifeng.__all__) <= set(dir(mifeng))
    assert len(set(mifeng.__all__)) == len(mifeng.__all__)


def test_every_error_can_be_caught_by_its_name() -> None:
    named = {
        n
        for n, one in inspect.getmembers(errors, inspect.isclass)
        if one.__module__ == errors.__name__
    }
    assert named <= set(mifeng.__all__)
    assert all(issubclass(getattr(mifeng, name), MifengError) for name in named)
