"""A server cannot talk an unit out of the alarm: what does not fit together is pending."""

from __future__ import annotations

import dataclasses

import pytest

from mifeng.core.offboarding import State, compare
from mifeng_crypto.api.messages import Departure
from mifeng_crypto.ids import DeviceId, GroupId, MemberId, UnitId, UnixMillis
from mifeng_crypto.log import EntryKind, LogHeader
from mifeng_crypto.tls import encode
from tests.support.company import Company

UNIT, GONE = UnitId(b"u" * 16), MemberId(b"g" * 16)


def _header(company: Company) -> LogHeader:
    device = company.roster.devices_of(company.roster.members()[0].member_id)[0]
    return LogHeader(
        group=GroupId(UNIT, 0),
        sequence=9,
        epoch=4,
        kind=EntryKind.COMMIT,
        device_id=device.device_id,
        accepted_at=UnixMillis(1),
        content_hash=bytes(32),
        previous=bytes(32),
    )


def _state(company: Company, raw: bytes | None) -> State:
    said = Departure(unit_id=UNIT, generation=0, header=raw)
    (found,) = compare(GONE, {}, {}, [said], company.roster)
    return found.state


def test_a_commit_that_fits_is_reported_with_the_first_epoch_without() -> None:
    company = Company()
    said = Departure(unit_id=UNIT, generation=0, header=encode(_header(company)))
    (found,) = compare(GONE, {}, {}, [said], company.roster)
    assert (found.state, found.epoch, found.sequence) == (State.REPORTED, 5, 9)


@pytest.mark.parametrize(
    "bent",
    [
        {"group": GroupId(UnitId(b"v" * 16), 0)},
        {"group": GroupId(UNIT, 1)},
        {"kind": EntryKind.MESSAGE},
        {"device_id": DeviceId(b"?" * 16)},
    ],
)
def test_a_header_that_does_not_fit_counts_as_pending(bent: dict[str, object]) -> None:
    company = Company()
    header = dataclasses.replace(_header(company), **bent)  # type: ignore[arg-type]
    assert _state(company, encode(header)) is State.PENDING


@pytest.mark.parametrize("raw", [None, b"", b"no header"])
def test_no_header_is_pending(raw: bytes | None) -> None:
    assert _state(Company(), raw) is State.PENDING
