"""What a leaf says beside its keys is short, however it comes into the tree."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from mifeng_crypto import gate
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.registry import APPLICATION_ID
from tests.support.company import Company
from tests.support.unit import Unit, key_package, leaf_extensions


def test_a_leaf_that_says_much_beside_its_keys_is_refused_gate_39() -> None:
    company = Company()
    unit, cy = Unit(company), company.hire("Cy")
    company.grant(unit.unit_id, cy)
    unit.write_heads()
    for size, is_much in ((1_000, False), (3_000, True)):
        extensions = (*leaf_extensions(company.now), Extension(APPLICATION_ID, bytes(size)))
        for made in (
            unit.commit(unit.creator, add=[key_package(company, cy, extensions=extensions)]),
            unit.commit(unit.creator, extensions=extensions),
        ):
            expected = pytest.raises(ProtocolError, match="GATE-39") if is_much else nullcontext()
            with expected:
                gate.check_commit(
                    unit.server,
                    made.staged,
                    accepted_at=UnixMillis(company.now),
                    device_id=unit.creator.device_id,
                )
