"""Attacks on files: a server that exchanges, bends and withholds; members; files that are traps."""

from __future__ import annotations

import dataclasses
import io
import itertools
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mifeng import content, transfer
from mifeng.content import Attachment, Origin
from mifeng.media.worker import TOO_MANY, look
from mifeng.net import Api
from mifeng.sdk import shelf
from mifeng.store.database import TABLES
from mifeng.transfer import Spool, attempts
from mifeng_crypto.errors import MifengError, TransportError
from mifeng_crypto.files.key import derive_file_key, new_file_secret, share_hash
from mifeng_crypto.ids import FileId, UnitId, WorkspaceId
from mifeng_crypto.labels import SignContent
from mifeng_crypto.log import EntryKind
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import encode
from mifeng_server.domain.destroying import destroy
from mifeng_server.domain.quota import Quotas
from mifeng_server.domain.rows import FileRow
from tests.attacks.adversary import Adversary, attack
from tests.attacks.stage import Stage
from tests.client.transfer.file_server import SHARE, FileServer, client_of
from tests.e2e.people import cast
from tests.support.connection import RefusedError
from tests.support.peer import founded, pair
from tests.support.server import running_server

RNG = random.Random(4).randbytes
UNIT = UnitId(RNG(16))
DATA = RNG(300_000)
CANARY = "the merger is on Friday"


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "PAUSES_S", (0.0, 0.01))
    monkeypatch.setattr(attempts, "UNDER_WAY_S", (0.0, 0.01))


@pytest.fixture
def evil() -> FileServer:
    return FileServer()


@pytest.fixture
async def api(evil: FileServer) -> AsyncIterator[Api]:
    async with client_of(evil, RNG) as made:
        yield made


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "downloads").mkdir()
    return tmp_path / "downloads"


async def _nobody(_: Attachment) -> None:
    """Who is told of sealed files."""


async def _up(api: Api, tmp_path: Path, data: bytes = DATA, name: str = "plan.bin") -> Attachment:
    (tmp_path / name).write_bytes(data)
    return await transfer.upload(
        api,
        unit_id=UNIT,
        path=tmp_path / name,
        rng=RNG,
        spool=Spool(tmp_path / "outgoing"),
        on_sealed=_nobody,
    )


async def _down(api: Api, attachment: Attachment, target: Path) -> Path:
    return await transfer.download(api, unit_id=UNIT, attachment=attachment, target=target)


async def _is_refused(
    adversary: Adversary, api: Api, attachment: Attachment, target: Path, *rules: str
) -> None:
    """O2, O3: named, and nothing is left of it; honestly, it comes down as it went up."""
    with adversary.refused(*rules):
        await _down(api, attachment, target)
    assert bool([*target.iterdir()]) != adversary.on, "O3: something is left of a file that fails"


# ------------------------------------------------------------------ a lying server


@attack("the hash of a share")
async def test_d1_the_servers_half_of_a_key_is_swapped(
    adversary: Adversary, evil: FileServer, api: Api, tmp_path: Path, target: Path
) -> None:
    attachment = await _up(api, tmp_path)
    if adversary.on:
        evil.share = RNG(32)
    await _is_refused(adversary, api, attachment, target, "FILE-1")


@attack("the commitment of a file", "the hash of a file")
async def test_d3_another_file_is_given_under_a_files_name(
    adversary: Adversary, evil: FileServer, api: Api, tmp_path: Path, target: Path
) -> None:
    theirs = await _up(api, tmp_path, DATA[::-1], "theirs.bin")
    held = bytes(evil.data)
    evil.data.clear()
    evil.created.clear()
    mine = await _up(api, tmp_path)
    assert theirs.size == mine.size
    if adversary.on:
        evil.data[:] = held
    await _is_refused(adversary, api, mine, target, "FILE-3")


@attack("the length of a file")
async def test_d3_a_file_is_given_with_another_size(
    adversary: Adversary, evil: FileServer, api: Api, tmp_path: Path, target: Path
) -> None:
    attachment = await _up(api, tmp_path)
    if adversary.on:
        attachment = dataclasses.replace(attachment, size=attachment.size - 100_000)
    await _is_refused(adversary, api, attachment, target, "FILE-2")


@attack("the hash of a share")
async def test_d8_no_bit_of_a_share_can_be_bent_and_all_are_answered_alike(
    adversary: Adversary, evil: FileServer, api: Api, tmp_path: Path, target: Path
) -> None:
    attachment = await _up(api, tmp_path)
    if not adversary.on:
        await _is_refused(adversary, api, attachment, target)
        return
    reactions = set[tuple[str, ...]]()
    for bit in range(0, 256, 5):
        bent = bytearray(SHARE)
        bent[bit // 8] ^= 1 << bit % 8
        evil.share, evil.requests = bytes(bent), []
        await _is_refused(adversary, api, attachment, target, "FILE-1")
        reactions.add(tuple(evil.requests))
    assert len(reactions) == 1, "the reaction tells which bit it was"


@attack("the hash of a share")
async def test_d9_an_empty_short_or_constant_half_of_a_key_is_no_key(
    adversary: Adversary, evil: FileServer, api: Api, tmp_path: Path, target: Path
) -> None:
    attachment = await _up(api, tmp_path)
    for share in (b"", bytes(16), bytes(32), b"\xff" * 32) if adversary.on else (SHARE,):
        evil.share = share
        await _is_refused(adversary, api, attachment, target, "FILE-1", "API-1")


@attack("the commitment of a file")
async def test_c16_one_ciphertext_does_not_open_under_two_keys(
    adversary: Adversary, evil: FileServer, api: Api, tmp_path: Path, target: Path
) -> None:
    attachment = await _up(api, tmp_path)
    if adversary.on:  # whoever could, would show one file to one half of the unit
        attachment = dataclasses.replace(attachment, secret=Secret(RNG(32)))
    await _is_refused(adversary, api, attachment, target, "FILE-3")


@attack("the sender of a message")
def test_d4_the_server_plants_a_file_under_somebodys_name(
    adversary: Adversary, stage: Stage
) -> None:
    unit, bo = stage.unit, stage.bo
    shown = content.encode_file(
        _attachment(),
        origin=Origin(
            workspace_id=WorkspaceId(bytes(16)), unit_id=unit.unit_id, member_id=bo.member_id
        ),
        rng=RNG,
    )
    written = unit.encrypt(bo, shown)
    if adversary.on:
        before, author = unit.server, unit.members.pop(bo.device_id)
        unit.append(EntryKind.MESSAGE, written, stage.cy.device_id)
        stage.judge(before, ("GATE-22",), but=stage.cy)
        unit.members[bo.device_id] = author
    stage.goes_on()


def _attachment() -> Attachment:
    return Attachment(
        file_id=FileId(RNG(16)),
        name="evidence.pdf",
        content_type="application/pdf",
        size=5,
        secret=Secret(RNG(32)),
        share_hash=RNG(32),
        digest=RNG(32),
    )


# ------------------------------------------------------------------ what is sealed


@attack("a secret for each file + a share for each file + a salt for each file")
def test_d10_two_uploads_of_one_file_have_nothing_in_common(adversary: Adversary) -> None:
    sealed = []
    for _ in range(2):
        secret, share = new_file_secret(rng=os.urandom), _a_share()
        key = derive_file_key(
            secret, share, unit_id=UNIT, file_id=FileId(bytes(16)), named=share_hash(share)
        )
        sealed.append(_seal(bytes(key.key), bytes(64_000)))
    one, other = ({data[at : at + 16] for at in range(0, 64_000, 16)} for data in sealed)
    assert one.isdisjoint(other), "the two can be told to be the same"
    if adversary.on:
        adversary.refused_by.append("nothing in common")


def _a_share() -> bytes:
    return os.urandom(32)


def _seal(key: bytes, data: bytes) -> bytes:
    from cryptography.cobblestone import Cobblestone256Encryptor  # noqa: PLC0415

    encryptor = Cobblestone256Encryptor(key, b"")
    return bytes(encryptor.update(data) + encryptor.finalize())


@attack()
def test_d11_fields_cannot_run_into_one_another(adversary: Adversary) -> None:
    names = st.binary(max_size=40) | st.sampled_from([b"a\0", b"\0", b"\x1f", b""])

    @given(names, names, names, names)
    def differ(label: bytes, content: bytes, other_label: bytes, other: bytes) -> None:
        same = (label, content) == (other_label, other)
        one = encode(SignContent(label, content))
        assert (one == encode(SignContent(other_label, other))) == same

    differ()
    # A row is sealed for its table, a zero byte and its key; no table has one in its name.
    assert not any("\0" in table for table in TABLES)
    if adversary.on:
        adversary.refused_by.append("injective")


@attack("what was sealed is what is sent")
async def test_d12_a_resumed_upload_sends_what_was_sealed_and_nothing_else(
    adversary: Adversary, evil: FileServer, api: Api, tmp_path: Path, target: Path
) -> None:
    spool, sealed = Spool(tmp_path / "outgoing"), list[Attachment]()

    async def keep(attachment: Attachment) -> None:
        sealed.append(attachment)

    data = RNG(9_000_000)
    source = tmp_path / "film.bin"
    source.write_bytes(data)
    evil.cut_patches_at = [5_000_000] * 9
    with pytest.raises(TransportError):
        await transfer.upload(api, unit_id=UNIT, path=source, rng=RNG, spool=spool, on_sealed=keep)
    evil.cut_patches_at = []
    if adversary.on:
        source.write_bytes(data[::-1])
    await transfer.resume(api, sealed[0], spool=spool)
    got = (await _down(api, sealed[0], target)).read_bytes()
    assert got == data, "two plaintexts under one key"
    if adversary.on:
        adversary.refused_by.append("the ciphertext was kept")


# ------------------------------------------------------------------ names, traps, traces

NAMES = (
    "../../x", "/etc/cron.d/x", "..\\..\\x", "C:\\x", "a/../../../x", "CON", "nul.txt", "x:ads",
    ".bashrc", "-rf", "~", "a\0b", "x\u202egpj.exe", "\u2066x", "x" * 10_000, "..", ".", "",
)  # fmt: skip


@attack("safe names")
async def test_d13_no_name_leads_out_of_the_folder_or_over_what_is_there(
    adversary: Adversary, evil: FileServer, api: Api, tmp_path: Path
) -> None:
    attachment = await _up(api, tmp_path, b"x")
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    for n, name in enumerate(NAMES if adversary.on else ("plan.pdf",)):
        folder = tmp_path / "deep" / f"{n}" / "downloads"
        folder.mkdir(parents=True)
        try:
            place = await _down(api, dataclasses.replace(attachment, name=name), folder)
        except (MifengError, OSError, ValueError) as err:
            raise AssertionError(f"{name!r} cannot be stored") from err
        assert place.parent == folder, f"{name!r} leads to {place}"
        assert place.name not in ("", ".", "..", "CON", "nul.txt", ".bashrc", "-rf", "~")
        assert place.name.isprintable()
    after = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert len(after - before) == len(NAMES if adversary.on else ("plan.pdf",))
    if adversary.on:
        adversary.refused_by.append("safe names")


@attack("as many pixels as there is memory")
def test_d15_a_picture_that_unpacks_to_a_huge_one_is_not_unpacked(
    adversary: Adversary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # Pillow's own check stands behind ours
    # Not so huge that the run without the check is a danger to the machine.
    size = (11_000, 10_000) if adversary.on else (1_100, 1_000)
    Image.new("L", size).save(tmp_path / "bomb.png")
    assert (tmp_path / "bomb.png").stat().st_size < 300_000
    preview = look(str(tmp_path / "bomb.png"), "image/png")
    assert bool(preview.thumbnail) != adversary.on, "it was unpacked"
    if adversary.on:
        assert preview.reason == TOO_MANY
        adversary.refused_by.append("pixels")


@attack("pictures without their place")
async def test_d16_neither_pictures_nor_previews_tell_where_and_what(
    adversary: Adversary, evil: FileServer, api: Api, tmp_path: Path, target: Path
) -> None:
    exif = Image.Exif()
    exif[0x010E] = CANARY
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 13.0)
    out = io.BytesIO()
    Image.new("RGB", (320, 200)).save(out, "JPEG", exif=exif if adversary.on else Image.Exif())
    attachment = await _up(api, tmp_path, out.getvalue(), "secret plan.jpg")
    got = (await _down(api, attachment, target)).read_bytes()
    assert CANARY.encode() not in got
    assert CANARY.encode() not in attachment.preview.thumbnail
    with Image.open(io.BytesIO(got)) as picture:
        assert not picture.getexif().get_ifd(0x8825), "it tells where it was taken"
    seen = b"".join([bytes(evil.data), *(line.encode() for line in evil.headers)])
    for secret in (CANARY, "secret plan", "image/jpeg"):
        assert secret.encode() not in seen, "O1"
    if adversary.on:
        adversary.refused_by.append("stripped")


# ------------------------------------------------------------------ a promise broken


@attack("what was promised")
async def test_d19_the_server_deletes_early_and_is_named_for_it(
    adversary: Adversary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "RECALL_S", 0.0)
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        (tmp_path / "plan.pdf").write_bytes(DATA)
        sent = await c.adas.upload(tmp_path / "plan.pdf")
        await c.ben.sync()
        if adversary.on:
            row = await server.house.store.get(FileRow, sent.files[0].id)
            assert row is not None
            await destroy(server.house, row)
        with adversary.refused("FILE-7"):
            await c.bens.download(sent.files[0], tmp_path / "got.pdf")
        await c.adas.send("we talk on")  # O5


# ------------------------------------------------------------------ members and strangers


@attack("who may see a file")
async def test_d18_a_file_is_nobodys_business_who_is_not_in_its_unit(
    adversary: Adversary, tmp_path: Path
) -> None:
    async with (
        running_server(tmp_path, tls=False) as server,
        pair(server) as (ann, bob, unit_id),
    ):
        where = await ann.create_unit() if adversary.on else unit_id
        file_id = await ann.upload(where, b"sealed")
        await ann.send(where, files=[file_id])
        path = f"/v1/files/{file_id.hex()}"
        tus: dict[str, str | None] = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0"}
        ways = itertools.product(("GET", "HEAD"), ("", "/share", "/readers"))
        answers = set[tuple[int, bytes]]()
        for method, tail in ways if adversary.on else [("GET", "")]:
            if method == "HEAD" and tail:
                continue
            status, raw, _ = await bob.raw(method, path + tail, headers=tus)
            answers.add((status, raw))
        if adversary.on:
            status, raw, _ = await bob.raw("DELETE", path, headers=tus)
            answers.add((status, raw))
            nothing = await bob.raw("GET", f"/v1/files/{bytes(16).hex()}")
            assert {status for status, _ in answers} == {404}, answers
            assert {raw for _, raw in answers} <= {nothing[1], b""}, "the words tell that it is"
            adversary.refused_by.append("not_found")
        else:
            assert answers == {(200, b"sealed")}


@attack("room for files")
async def test_d20_one_member_does_not_fill_the_disk(adversary: Adversary, tmp_path: Path) -> None:
    async with running_server(tmp_path, tls=False) as server, founded(server) as ann:
        await ann.publish()
        unit_id = await ann.create_unit()
        server.house.quotas = Quotas(member_bytes=1_000, unit_bytes=10_000)
        refused = 0
        for _ in range(30 if adversary.on else 3):
            try:
                await ann.open_upload(unit_id, 100)
            except RefusedError as err:
                refused += err.code == "quota_exceeded"
        assert refused == (20 if adversary.on else 0), "more than the quota was taken"
        if adversary.on:
            adversary.refused_by.append("quota_exceeded")
        await ann.send(unit_id)  # O5: talk goes on
