"""What is sealed to a device opens there, under the same label and context, and nowhere else."""

from __future__ import annotations

import dataclasses

import pytest

from mifeng_crypto.errors import CryptoError, ProtocolError
from mifeng_crypto.kem import XWING
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_entry import AddDevice
from mifeng_crypto.sealing import check_hpke_key, hpke_public_of, open_sealed, seal_to
from tests.support.company import Company
from tests.support.refused import refused

PRIVATE, OTHER = bytes(range(32)), bytes(32)
PUBLIC = hpke_public_of(PRIVATE)
TEXT = b"a directory key"


def test_only_the_device_opens_it_under_the_same_label_and_context() -> None:
    sealed = seal_to(PUBLIC, "Test", b"context", TEXT)
    assert open_sealed(PRIVATE, "Test", b"context", sealed) == TEXT
    assert TEXT not in sealed
    for private, label, context, data in (
        (OTHER, "Test", b"context", sealed),
        (PRIVATE, "Tess", b"context", sealed),
        (PRIVATE, "Test", b"contexT", sealed),
        (PRIVATE, "Test", b"context", sealed[:-1]),
        (PRIVATE, "Test", b"context", b""),
    ):
        with pytest.raises(CryptoError):
            open_sealed(private, label, context, data)


@pytest.mark.parametrize(
    "key",
    [b"", PUBLIC[:-1], PUBLIC + b"x", PUBLIC[:1184] + bytes(32), PUBLIC[:1184] + b"\1" + bytes(31)],
)
def test_what_is_no_key_of_x_wing_is_refused_key_3(key: bytes) -> None:
    with pytest.raises(ProtocolError) as err:
        check_hpke_key(key)
    assert err.value.rule == "KEY-3"


def test_what_is_no_key_of_ml_kem_shows_when_something_is_sealed_to_it() -> None:
    bad = b"\xff" * 1184 + PUBLIC[1184:]
    check_hpke_key(bad)
    with pytest.raises(CryptoError):
        seal_to(bad, "Test", b"", TEXT)


def test_a_device_without_a_true_hpke_key_does_not_enter_the_roster_key_3() -> None:
    company = Company()
    device = company.on_new_device(company.ada).device
    bad = dataclasses.replace(device, hpke_key=bytes(XWING.public_bytes))
    entry = company.sign(AddDevice(bad), company.ada)
    refused("KEY-3", company, entry)
    company.append(company.sign(AddDevice(device), company.ada))
    record = Roster.from_entries(company.entries).device(device.device_id)
    assert record is not None
    assert record.hpke_key == device.hpke_key
