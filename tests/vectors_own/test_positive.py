"""The independent reader and the engine agree on what happened in each story."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag

from mifeng_crypto.mls.group import KeyPackageBundle, join
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.mls.wire.parent_node import RatchetTreeExtension
from mifeng_crypto.mls.wire.psk import ExternalPsk, PreSharedKeyID, ResumptionPsk
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import decode
from tests.vectors_own.files import POSITIVE
from tests.vectors_own.reader import Reading

PATHS = sorted(POSITIVE.glob("*.json"))


def read(path: Path) -> dict[str, Any]:
    step: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return step


def test_there_are_stories_of_every_kind() -> None:
    assert len(PATHS) >= 20


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_an_independent_reader_follows_a_story(path: Path) -> None:
    Reading(read(path)).check()


@pytest.mark.parametrize(
    "path",
    [path for path in PATHS if read(path)["welcome"] and "first commit" not in read(path)["what"]],
    ids=lambda path: path.stem,
)
def test_the_engine_joins_as_the_newcomer_of_a_story(path: Path) -> None:
    step, b = read(path), bytes.fromhex
    given = step["welcome"]
    package = decode(MLSMessage, b(given["key_package"])).message
    assert isinstance(package, KeyPackage)
    bundle = KeyPackageBundle(
        package, Secret(b(given["init_priv"])), Secret(b(given["encryption_priv"]))
    )
    psks: dict[ExternalPsk | ResumptionPsk, Secret] = {
        decode(PreSharedKeyID, b(psk["id"])).source: Secret(b(psk["psk"])) for psk in step["psks"]
    }
    tree = decode(RatchetTreeExtension, b(step["after"]["tree"]))
    joined = join(b(given["message"]), bundle, tree=tree, psk_store=psks)
    assert joined.epoch.epoch_authenticator == b(step["after"]["epoch_authenticator"])


def changed_in_one_place(value: Any, *, key: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Yield copies of a story in which one value of hex has another last bit."""
    if isinstance(value, dict):
        for name, part in value.items():
            for where, other in changed_in_one_place(part, key=f"{key} {name}"):
                yield where, value | {name: other}
    elif isinstance(value, list):
        for i, part in enumerate(value):
            for where, other in changed_in_one_place(part, key=f"{key} {i}"):
                yield where, [*value[:i], other, *value[i + 1 :]]
    elif isinstance(value, str) and value and key != " what":
        data = bytearray.fromhex(value)
        data[-1] ^= 1
        yield key, data.hex()


UNUSED = {  # what such a story does not need
    "0001-private-handshakes": {"membership"},
    "f002-psk": {"sender_data", "encryption", "encryption_priv"},
}


@pytest.mark.parametrize("name", UNUSED)
def test_the_reader_notices_a_change_anywhere(name: str) -> None:
    step = read(POSITIVE / f"{name}.json")
    places = 0
    for where, changed in changed_in_one_place(step):
        if where.split()[-1] in UNUSED[name]:
            continue
        with pytest.raises((AssertionError, InvalidSignature, InvalidTag, ValueError, KeyError)):
            Reading(changed).check()
        places += 1
    assert places > 15
