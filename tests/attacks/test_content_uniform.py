"""Group C: what answers, lengths and times tell; how a resend looks; a file with two faces."""

from __future__ import annotations

import ast
import dataclasses
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from mifeng import content
from mifeng.core import outbox
from mifeng_crypto.errors import MifengError
from mifeng_crypto.files import ranged
from mifeng_crypto.files.key import FileKey
from mifeng_crypto.files.ranged import PartialOpener
from mifeng_crypto.files.sealed import CHUNK_BYTES, HEADER_BYTES, sealed_length
from mifeng_crypto.log import EntryKind
from mifeng_crypto.mls import group as mls
from mifeng_crypto.mls.wire.framing import PrivateMessage
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.padme import padme
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import decode, encode
from tests.attacks.adversary import Adversary, attack
from tests.attacks.stage import Stage
from tests.client.core.world import World

ROOT = Path(__file__).parents[2]
COMPRESSORS = {"zlib", "gzip", "bz2", "lzma", "zipfile", "tarfile", "brotli", "zstandard"}


def steps(act: Callable[[], object], room: str) -> int:
    """How many lines of a room run: time without a clock, the same in every run."""
    count = 0

    def trace(frame: Any, event: str, _: Any) -> Any:  # noqa: ANN401 - as `sys.settrace` has it
        nonlocal count
        if room in frame.f_code.co_filename:
            count += event == "line"
            return trace
        return None

    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(None)
    return count


@attack("the tag of a ciphertext")
def test_c8_each_byte_of_a_message_that_is_bent_is_answered_alike(
    adversary: Adversary, stage: Stage
) -> None:
    """One sentence, the same steps, nothing sent, whichever byte of 1 KiB was changed."""
    unit, bo, ada = stage.unit, stage.bo, stage.ada
    written = unit.encrypt(bo, b"yes or no? " * 93)
    wire = decode(MLSMessage, written)
    assert isinstance(wire.message, PrivateMessage)
    message, epoch = wire.message, unit.of(ada).epoch
    assert epoch is not None
    if adversary.on:
        reasons, taken = set[str](), set[int]()

        def refuse(broken: PrivateMessage) -> None:
            try:
                mls.decrypt(epoch, broken)
            except MifengError as err:
                reasons.add(f"{type(err).__name__}: {err}")
            else:
                adversary.succeeds()

        def bent(sealed: bytes, at: int) -> bytes:
            return sealed[:at] + bytes([sealed[at] ^ 0x80]) + sealed[at + 1 :]

        assert len(message.ciphertext) > 1024
        # The first 48 bytes also make the sender's key (section 6.3.2): those fail one step before.
        for at in range(48, len(message.ciphertext)):
            refuse(dataclasses.replace(message, ciphertext=bent(message.ciphertext, at)))
        for at in range(48, len(message.ciphertext), 97):
            broken = dataclasses.replace(message, ciphertext=bent(message.ciphertext, at))
            taken.add(steps(lambda broken=broken: refuse(broken), "mifeng_crypto"))  # type: ignore[misc]
        assert len(taken) == 1, "how far it came can be seen"
        for at in range(48):
            refuse(dataclasses.replace(message, ciphertext=bent(message.ciphertext, at)))
        for at in range(len(message.encrypted_sender_data)):
            sealed = bent(message.encrypted_sender_data, at)
            refuse(dataclasses.replace(message, encrypted_sender_data=sealed))
        if len(reasons) != 1:
            adversary.succeeds()
        adversary.refused_by.append("one answer for all")
    stage.goes_on()


@attack()
def test_c8_a_client_answers_a_broken_message_with_nothing(adversary: Adversary) -> None:
    world = World()
    said = content.encode_text("yes", origin=origin(world), rng=world.company.rng)
    world.ben.queue(said)
    sealed = world.ben.seal()
    if adversary.on:
        wire = decode(MLSMessage, sealed)
        assert isinstance(wire.message, PrivateMessage)
        cut = bytes([wire.message.ciphertext[200] ^ 1])
        bent = wire.message.ciphertext[:200] + cut + wire.message.ciphertext[201:]
        sealed = encode(
            MLSMessage(wire.version, dataclasses.replace(wire.message, ciphertext=bent))
        )
    before = world.ada.unit.outbox
    applied = world.ada.apply(world.accept(EntryKind.MESSAGE, sealed, world.ben))
    (event,) = applied.events
    record = event.entry  # type: ignore[union-attr]
    assert world.ada.unit.outbox == before == (), "nothing leaves in answer"
    if adversary.on:
        if not record.reason or record.content:
            adversary.succeeds()
        adversary.refused_by.append("shown as damaged, and nothing sent")
    else:
        assert record.content == said


def origin(world: World) -> content.Origin:
    return content.Origin(
        workspace_id=world.company.workspace_id,
        unit_id=world.unit_id,
        member_id=world.ben.profile.member_id,
    )


@attack()
def test_c6_a_resend_tells_nothing(adversary: Adversary) -> None:
    """A lost answer brings the same bytes; a feigned race new ones, of the same length."""
    world = World()
    ben = world.ben
    ben.queue(content.encode_text("sell", origin=origin(world), rng=world.company.rng))
    first = ben.seal()
    again = outbox.next_item(ben.unit)
    assert again is not None
    assert again.record.message == first
    assert outbox.idempotency_key(again.record.message) == outbox.idempotency_key(first)
    if adversary.on:  # "wrong epoch", although nothing has happened
        ben.unit = outbox.unseal(ben.unit, again)
        second = ben.seal()
        assert len(second) == len(first)
        one, other = decode(MLSMessage, first).message, decode(MLSMessage, second).message
        assert isinstance(one, PrivateMessage)
        assert isinstance(other, PrivateMessage)
        same = sum(a == b for a, b in zip(one.ciphertext, other.ciphertext, strict=True))
        assert same < len(one.ciphertext) // 16, "a key and nonce were used twice"
        adversary.refused_by.append("a fresh key each time")
        first = second
    applied = world.ada.apply(world.accept(EntryKind.MESSAGE, first, ben))
    assert [event.entry.reason for event in applied.events] == [""]  # type: ignore[union-attr]


@attack()
def test_c7_nothing_is_compressed_before_it_is_encrypted(adversary: Adversary) -> None:
    """No compressor is imported where secrets are; aiohttp's own is switched off at both ends."""
    found = dict[str, set[str]]()
    for room in ("crypto/mifeng_crypto", "client/mifeng", "server/mifeng_server"):
        for path in (ROOT / room).rglob("*.py"):
            names = set[str]()
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    names.add(node.module.partition(".")[0])
            if names & COMPRESSORS:
                found[str(path.relative_to(ROOT))] = names & COMPRESSORS
    # These look into files that are shown, for their kind and their pages, and write nothing.
    assert set(found) <= {"client/mifeng/media/kind.py", "client/mifeng/media/worker.py"}, found
    for line in ("server/mifeng_server/routes/stream.py", "client/mifeng/web/line.py"):
        assert "compress=False" in (ROOT / line).read_text(encoding="utf-8")
    if adversary.on:
        adversary.refused_by.append("no compressor")


@attack("padding")
def test_c13_a_length_tells_little(adversary: Adversary, stage: Stage) -> None:
    """A hundred texts have at most eight lengths; of files a few for each doubling are left."""
    if adversary.on:
        short = {len(stage.unit.encrypt(stage.bo, bytes(n))) for n in range(1, 100, 9)}
        if len(short) != 1:
            adversary.succeeds()
        ciphertexts = {len(stage.unit.encrypt(stage.bo, bytes(n))) for n in range(100, 16_000, 159)}
        if len(ciphertexts) > 8:
            adversary.succeeds()
        for exponent in range(9, 40):  # of 2^e lengths in an octave, 2^S remain
            sizes = {1 << exponent, (1 << exponent) + 1, 3 << (exponent - 1)}
            padded = {
                padme((1 << exponent) + n) for n in range(0, 1 << exponent, (1 << exponent) >> 9)
            }
            assert len(padded) <= (1 << exponent.bit_length()) + 1
            assert all(padme(size) < size * 1.12 for size in sizes)
            assert all(sealed_length(size) == sealed_length(padme(size)) for size in sizes)
        adversary.refused_by.append("few lengths")
    stage.goes_on()


# ------------------------------------------------------------------ one ciphertext, two files


@attack("the two faces of a file")
def test_c16_a_chunk_that_opens_under_two_keys_is_a_file_under_one(adversary: Adversary) -> None:
    """AES-GCM does not commit to its key: this makes a chunk that is authentic under two."""
    context = bytes(32)
    keys = [FileKey(Secret(os.urandom(32)), context) for _ in range(2)]
    salt = os.urandom(24)
    chunk_keys = [_chunk_keys(key, salt) for key in keys]
    sealed = _salamander(chunk_keys) if adversary.on else _honest(chunk_keys[0])
    header = salt + _commitment(keys[0], salt)
    assert len(header) == HEADER_BYTES
    opened = PartialOpener(keys[0], size=CHUNK_BYTES, header=header).open(0, CHUNK_BYTES, sealed)
    assert len(opened) == CHUNK_BYTES
    if not adversary.on:
        return
    with adversary.refused("FILE-3"):
        other = PartialOpener(keys[1], size=CHUNK_BYTES, header=header)
        assert other.open(0, CHUNK_BYTES, sealed) != opened


def _derived(key: FileKey, salt: bytes) -> bytes:
    length = 32 + 12 + 32
    return HKDFExpand(
        algorithm=SHA512(), length=length, info=ranged._LABEL + salt + key.context
    ).derive(key.key)


def _chunk_keys(key: FileKey, salt: bytes) -> tuple[bytes, bytes]:
    derived = _derived(key, salt)
    return derived[:32], derived[32:44]


def _commitment(key: FileKey, salt: bytes) -> bytes:
    return _derived(key, salt)[44:]


def _honest(keys: tuple[bytes, bytes]) -> bytes:
    return AESGCM(keys[0]).encrypt(keys[1], bytes(CHUNK_BYTES), None)


def _salamander(pair: list[tuple[bytes, bytes]]) -> bytes:
    """A chunk whose tag is right under both keys: one block is solved for (Dodis et al., 2018).

    The tag is linear in each block over GF(2^128). With n blocks, block i has the weight
    H^(n - i + 1), the length block H, and E_K(J0) is added.
    """
    blocks = CHUNK_BYTES // 16
    length = (CHUNK_BYTES * 8).to_bytes(16, "big")
    filler = os.urandom(CHUNK_BYTES - 16)
    difference, weight = 0, 0
    for key, nonce in pair:
        h = _field(_block(key, bytes(16)))
        tag = 0  # Horner: over the filler, a zero in the last place, then the length
        for at in range(0, CHUNK_BYTES - 16, 16):
            tag = _times(tag ^ _field(filler[at : at + 16]), h)
        tag = _times(_times(tag, h) ^ _field(length), h)
        difference ^= tag ^ _field(_block(key, nonce + (1).to_bytes(4, "big")))
        weight ^= _times(h, h)
    assert blocks > 1
    solved = _times(difference, _inverse(weight)).to_bytes(16, "big")
    body = filler + solved
    key, nonce = pair[0]
    counter = Cipher(algorithms.AES(key), modes.CTR(nonce + (2).to_bytes(4, "big"))).decryptor()
    return AESGCM(key).encrypt(nonce, counter.update(body), None)


def _block(key: bytes, block: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def _field(block: bytes) -> int:
    """A block as an element of GCM's field: the first bit is the coefficient of 1."""
    return int.from_bytes(block, "big")


def _times(a: int, b: int) -> int:
    """NIST SP 800-38D, section 6.3."""
    product = 0
    for bit in range(127, -1, -1):
        if b >> bit & 1:
            product ^= a
        a = a >> 1 ^ (0xE1 << 120 if a & 1 else 0)
    return product


def _inverse(a: int) -> int:
    """a^(2^128 - 2)."""
    found, power = 1 << 127, a
    for _ in range(127):
        power = _times(power, power)
        found = _times(found, power)
    return found
