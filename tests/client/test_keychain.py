"""The store key opens with the right passphrase and with nothing else."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator

import keyring
import keyring.backend
import pytest

from mifeng import keychain
from mifeng.errors import ProfileDamagedError, WrongPassphraseError
from mifeng.keychain import Cost, Keyring, Passphrase
from mifeng_crypto.errors import StorageError, UsageError

CHEAP = Cost(64, 1, 1)


def cheap(text: str) -> Passphrase:
    return Passphrase(text, cost=CHEAP, floor=CHEAP)


def test_the_right_passphrase_opens_and_a_wrong_one_is_named_so() -> None:
    key, record = keychain.make(cheap("correct horse"), rng=os.urandom)
    assert keychain.unlock(record, cheap("correct horse")) == key
    assert bytes(key) not in record
    with pytest.raises(WrongPassphraseError):
        keychain.unlock(record, cheap("correct hors"))
    with pytest.raises(WrongPassphraseError, match="passphrase-fd"):
        keychain.unlock(record, Keyring())


def test_the_default_cost_is_what_a_profile_gets() -> None:
    _, record = keychain.make(Passphrase("x"), rng=os.urandom)
    wrapped = keychain._read(record)
    assert isinstance(wrapped, keychain.Wrapped)
    assert Cost(wrapped.memory_kib, wrapped.passes, wrapped.lanes) == keychain.DEFAULT_COST


def test_a_record_of_less_than_the_floor_is_refused_even_with_the_right_passphrase() -> None:
    _, record = keychain.make(cheap("x"), rng=os.urandom)
    with pytest.raises(StorageError, match="not safe"):
        keychain.unlock(record, Passphrase("x"))
    with pytest.raises(StorageError, match="not safe"):
        keychain.make(Passphrase("x", cost=CHEAP), rng=os.urandom)


def test_any_flipped_byte_of_the_record_is_damage_and_not_a_wrong_passphrase() -> None:
    _, record = keychain.make(cheap("x"), rng=os.urandom)
    for at in range(len(record)):
        damaged = bytearray(record)
        damaged[at] ^= 0x40
        with pytest.raises(ProfileDamagedError):
            keychain.unlock(bytes(damaged), cheap("x"))


def test_an_empty_passphrase_is_refused() -> None:
    with pytest.raises(UsageError):
        keychain.make(cheap(""), rng=os.urandom)


def test_a_passphrase_does_not_show_itself() -> None:
    assert "horse" not in repr(Passphrase("correct horse"))


class InMemory(keyring.backend.KeyringBackend):
    """A working keyring that forgets with the process."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))


@pytest.fixture
def memory_keyring() -> Iterator[InMemory]:
    before = keyring.get_keyring()
    backend = InMemory()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def test_the_keyring_keeps_the_key_and_the_profile_only_its_name(
    memory_keyring: InMemory,
) -> None:
    key, record = keychain.make(Keyring(), rng=os.urandom)
    assert keychain.unlock(record, Keyring()) == key
    assert bytes(key) not in record
    assert [base64.b64decode(v) for v in memory_keyring.kept.values()] == [key]
    memory_keyring.kept.clear()
    with pytest.raises(StorageError, match="lost"):
        keychain.unlock(record, Keyring())
