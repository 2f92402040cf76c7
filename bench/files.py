"""Files: sealing from disk to disk beside `cp` and `age`, and up and down over TLS, 1 GiB each."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import mifeng
from bench.figure import Figure
from demo.people import Person
from demo.server import RunningServer, free_port, running_server
from mifeng.media.source import whole
from mifeng.transfer.digest import ThreadedSha256
from mifeng.transfer.sealing import READ_BYTES, sealed
from mifeng_crypto.files.key import FileKey, derive_file_key, new_file_secret, share_hash
from mifeng_crypto.files.seal import Digest, Sealer
from mifeng_crypto.files.sealed import CHUNK_BYTES, SEALED_CHUNK_BYTES
from mifeng_crypto.ids import FileId, UnitId

__all__ = ["measure"]

SEAL_TABLE = "Sealing 1 GiB from file to file (page cache), best of 3"
TRIP_TABLE = "1 GiB over TLS on loopback, whole commands"
RANGE_TABLE = "A range in the middle of a file of 1 GiB"
GIB = 1 << 30
UNIT = "Bench"


class _NoHash:
    """What sealing without the hash of the ciphertext is measured with."""

    def update(self, _data: bytes | memoryview, /) -> None:
        """Nothing."""

    def digest(self) -> bytes:
        """Nothing."""
        return b""


def measure() -> Iterator[Figure]:
    """Yield all figures of this section."""
    with tempfile.TemporaryDirectory(prefix="mifeng-bench-") as name:
        folder = Path(name)
        source = folder / "large.bin"
        block = os.urandom(READ_BYTES)
        with source.open("wb") as file:
            for _ in range(GIB // READ_BYTES):
                file.write(block)
        yield from _sealing(source, folder / "out")
        yield from asyncio.run(_trips(source, folder))


# ------------------------------------------------------------------ sealing


def _sealing(source: Path, target: Path) -> Iterator[Figure]:
    key = _key()
    ways: dict[str, Callable[[], object]] = {
        "mifeng, with the hash": lambda: _seal(source, target, key, ThreadedSha256()),
        "mifeng, without": lambda: _seal(source, target, key, _NoHash()),
        "cp": lambda: subprocess.run(["cp", source, target], check=True),
        # What no sealing on one thread can do without, besides what `cp` does.
        "AES-256-GCM alone, in memory": _encrypt,
    }
    if shutil.which("age"):
        made = subprocess.run(["age-keygen"], check=True, capture_output=True, text=True)
        recipient = next(
            line.rpartition(" ")[2] for line in made.stdout.splitlines() if "public key" in line
        )
        ways["age"] = lambda: subprocess.run(
            ["age", "-r", recipient, "-o", target, source], check=True
        )
    for name, act in ways.items():
        taken = []
        for _ in range(3):
            target.unlink(missing_ok=True)
            began = time.perf_counter()
            act()
            taken.append(time.perf_counter() - began)
        yield Figure(
            table=SEAL_TABLE,
            row=name,
            column="time",
            value=min(taken),
            unit="s",
            target=1.0 if name == "mifeng, with the hash" else None,
        )
    target.unlink(missing_ok=True)


def _encrypt() -> None:
    """Encrypt as many bytes in chunks of a file's size, and do nothing else."""
    aead, plain = AESGCM(os.urandom(32)), memoryview(os.urandom(READ_BYTES))
    room = memoryview(bytearray(SEALED_CHUNK_BYTES))
    chunks = [plain[at : at + CHUNK_BYTES] for at in range(0, READ_BYTES, CHUNK_BYTES)]
    for n in range(GIB // READ_BYTES):
        for m, chunk in enumerate(chunks):
            aead.encrypt_into((n * len(chunks) + m).to_bytes(12, "big"), chunk, None, room)


def _key() -> FileKey:
    share = os.urandom(32)
    return derive_file_key(
        new_file_secret(rng=os.urandom),
        share,
        unit_id=UnitId(bytes(16)),
        file_id=FileId(bytes(16)),
        named=share_hash(share),
    )


def _seal(source: Path, target: Path, key: FileKey, sha256: Digest) -> bytes:
    sealer = Sealer(key, size=source.stat().st_size, sha256=sha256)
    with source.open("rb", buffering=0) as plain, target.open("wb", buffering=0) as file:
        for piece in sealed(whole(plain).read(READ_BYTES), sealer):
            file.write(piece)
    return sealer.digest


# ------------------------------------------------------------------ up and down


async def _trips(source: Path, folder: Path) -> list[Figure]:
    from bench.e2e import peak_mib, timed  # noqa: PLC0415 - the sections stand beside each other

    await asyncio.to_thread(os.sync)  # else the disk still writes what was sealed before
    address = f"https://127.0.0.1:{free_port()}"
    async with running_server(folder / "company", address=address) as server:
        ann, bob = Person("Ann", "", "", folder / "ann"), Person("Bob", "", "", folder / "bob")
        await ann.facts("found", server.link, "--name", ann.name)
        invite = await ann.facts("invite")
        await bob.facts("join", invite["link"], "--name", bob.name)
        await ann.facts("unit", "create", UNIT)
        await ann.facts("unit", "grant", UNIT, bob.name)
        figures = []
        for who, column, words in (
            (ann, "upload", ("upload", UNIT, str(source))),
            (bob, "download", ("download", UNIT, source.name, "--to", str(folder / "got.bin"))),
        ):
            seconds, client_mib = await asyncio.to_thread(timed, who, words)
            for row, value, unit, target in (
                ("time", seconds, "s", 4.1),
                ("client, peak memory", client_mib, "MiB RSS", 120.0),
                ("server, peak memory", peak_mib(server.pid), "MiB RSS", 120.0),
            ):
                figures.append(
                    Figure(
                        table=TRIP_TABLE,
                        row=row,
                        column=column,
                        value=value,
                        unit=unit,
                        target=target,
                    )
                )
        with (folder / "got.bin").open("rb") as got, source.open("rb") as sent:
            same = hashlib.file_digest(got, "sha256").digest()
            assert same == hashlib.file_digest(sent, "sha256").digest(), "another file came down"
        return [*figures, await _range(bob, server)]


async def _range(bob: Person, _server: RunningServer) -> Figure:
    """Time from asking for bytes in the middle to having the first of them."""
    taken = []
    async with mifeng.open(bob.profile, passphrase=bob.passphrase) as me:
        unit = me.unit(UNIT)
        reader = await unit.reader((await unit.files())[0].file)
        for n in range(21):
            at = reader.size // 2 + n * 1_000_003
            began = time.perf_counter()
            await anext(reader.pieces(at, at + 65_536))
            taken.append((time.perf_counter() - began) * 1000)
    return Figure(
        table=RANGE_TABLE,
        row="first bytes",
        column="p50",
        value=statistics.median(taken[1:]),
        unit="ms",
        target=30,
    )
