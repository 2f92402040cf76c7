from __future__ import annotations

import pytest

from mifeng_crypto.errors import CryptoError
from mifeng_crypto.mls.keys import key_schedule
from mifeng_crypto.mls.keys.key_schedule import EpochSecrets
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import SUITES, Suite
from mifeng_crypto.tls import decode, encode
from tests.crypto.rng import seeded

every_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: hex(suite.id))


def derived(suite: Suite, **changed: bytes) -> EpochSecrets:
    given = {"init": b"i", "commit": b"c", "psk": b"p", "tree_hash": b"t"} | changed
    context = GroupContext(1, suite.id, b"group", 1, given["tree_hash"], b"confirmed", ())
    joiner = key_schedule.joiner_secret(suite, given["init"], given["commit"], context)
    return key_schedule.derive_epoch(suite, joiner, given["psk"], context)[0]


@every_suite
def test_every_input_changes_every_secret(suite: Suite) -> None:
    usual = derived(suite)
    for name in ("init", "commit", "psk", "tree_hash"):
        other = derived(suite, **{name: b"other"})
        for field in EpochSecrets.__match_args__:
            assert getattr(usual, field) != getattr(other, field)


@every_suite
def test_the_secrets_of_an_epoch_survive_storage_and_do_not_show(suite: Suite) -> None:
    secrets = derived(suite)
    stored = decode(EpochSecrets, encode(secrets))
    assert stored == secrets
    for field in EpochSecrets.__match_args__:
        assert type(getattr(stored, field)) is Secret
    assert repr(bytes(secrets.init_secret)) not in repr(secrets)


@every_suite
def test_an_external_joiner_and_the_group_find_the_same_init_secret(suite: Suite) -> None:
    external_secret = derived(suite).external_secret
    public = key_schedule.external_key_pair(suite, external_secret).public
    sent, kem_output = key_schedule.external_init(suite, public, rng=seeded(1))
    assert key_schedule.external_init_of(suite, external_secret, kem_output) == sent
    with pytest.raises(CryptoError):
        key_schedule.external_init_of(suite, external_secret, kem_output[:-1])
    with pytest.raises(CryptoError):
        key_schedule.external_init(suite, b"no key", rng=seeded(1))


def test_exports_differ_by_label_context_and_epoch() -> None:
    suite = SUITES[1]
    one, two = derived(suite).exporter_secret, derived(suite, init=b"other").exporter_secret
    exports = {
        key_schedule.export(suite, secret, label, context, 32)
        for secret in (one, two)
        for label in ("a", "b")
        for context in (b"", b"x")
    }
    assert len(exports) == 8
