"""No value of the group shows a secret when it is printed, not even inside of others."""

from __future__ import annotations

from collections.abc import Iterator

from mifeng_crypto.mls.group import create_key_package, default_capabilities
from mifeng_crypto.mls.group.pending import StoredPending
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import decode
from tests.crypto.mls.world import LIFETIME, CountingRng, Device, World


def shapes(secret: bytes) -> Iterator[str]:
    yield repr(bytes(secret))[2:-1]
    yield secret.hex()


def test_no_secret_is_in_the_repr_of_anything() -> None:
    world = World(3)
    anna, bert, _ = world.devices
    bert.read(anna.send("hello"))
    new = Device("new", rng=CountingRng(8))
    bundle = create_key_package(
        suite=new.suite,
        signature_key=new.signature_key,
        credential=BasicCredential(b"new"),
        capabilities=default_capabilities(),
        lifetime=LIFETIME,
        rng=new.rng,
    )
    pending = anna.commit(add=[new.key_package()])
    stored = decode(StoredPending, pending.encode())
    secrets: list[bytes] = [bundle.init_private, bundle.leaf_private, anna.signature_key]
    for epoch in (anna.now, pending.next):
        named = epoch.secrets
        secrets += [named.init_secret, named.exporter_secret, named.membership_key]
        secrets += epoch.private_keys.values()
        secrets += [part for key, part in epoch.parts(None).items() if key[:1] == b"s" and part]
    everything = [bundle, pending, stored, stored.secrets, stored.secret_tree, anna.now]
    everything += [anna.now.secrets, anna.now.private_keys, anna.now.secret_tree, bert.now]
    shown = "".join(map(repr, everything))
    for secret in secrets:
        assert isinstance(secret, bytes)
        for shape in shapes(secret):
            assert shape not in shown
    assert "Secret(32 bytes)" in shown
    assert all(isinstance(part.value, Secret) for part in stored.secret_tree)
