"""The rules that attacks run into, and how a test takes one out: by replacing its function.

The product has no switch for it. A check is named as in the runs of the table; its places are the
names under which its callers find it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from mifeng.core.profile import Profile
from mifeng.core.readd import state_lost
from mifeng.core.roster import follow
from mifeng.core.rows import Changes
from mifeng.core.timeline import Position, Timeline
from mifeng.media.source import whole
from mifeng.session import Session
from mifeng.transfer import Spool
from mifeng.web.assets import Asset, assets
from mifeng_crypto.errors import CodecError
from mifeng_crypto.expiry import Clock, Fate, start_clock
from mifeng_crypto.files.ranged import ChunkKeys
from mifeng_crypto.gate import Past
from mifeng_crypto.gate.standing import Ledgers, identity_of
from mifeng_crypto.history import Handed
from mifeng_crypto.ids import FileId, UnixMillis
from mifeng_crypto.labels import SignContent
from mifeng_crypto.ledger.head import EMPTY
from mifeng_crypto.ledger.note import parse_note
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import LogHeader
from mifeng_crypto.mls.group import Epoch, LeafIndex, VerifiedKeyPackage
from mifeng_crypto.mls.group.application import Decrypted, Received, decrypt
from mifeng_crypto.mls.message.original import Original
from mifeng_crypto.mls.tree.ratchet_tree import RatchetTree
from mifeng_crypto.mls.tree.tree_math import NodeIndex
from mifeng_crypto.mls.tree.treekem import PathSecrets, derive_path
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.secret import MortalKey, Secret
from mifeng_crypto.suite import Suite
from mifeng_crypto.tls import decode, encode

__all__ = ["CHECKS", "without"]

Anything = Callable[..., Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """Where a rule stands, and what stands there when it is gone."""

    places: tuple[str, ...]
    instead: Anything | int | str | dict[str, str] | property = lambda *_args, **_named: None


def _in(module: str, *names: str, instead: Anything | None = None) -> Check:
    places = tuple(f"{module}.{name}" for name in names)
    return Check(places) if instead is None else Check(places, instead)


def _follow_anybody(roster: Any, entries: Any, profile: Profile) -> Any:  # noqa: ANN401
    if not entries:
        return roster, {}
    grown = Roster.from_entries(entries)
    there = dataclasses.replace(
        profile, anchor=EMPTY, genesis=grown.genesis, workspace_id=grown.workspace_id
    )
    return follow(roster, entries, there)


async def _save_and_forget_nothing(session: Session, changes: Changes) -> None:
    """A used KeyPackage's private keys stay."""
    kept = {key: value for key, value in changes.items() if value or key[0] != "key_packages"}
    await session.home.database.save(kept)


async def _nothing(*_: object, **_named: object) -> None:
    """What an asynchronous check is replaced by."""


def _believe(epoch: Epoch, message: bytes) -> Decrypted:
    """Take what does not decrypt for what it says that it is."""
    try:
        return decrypt(epoch, message)
    except CodecError:
        said = json.loads(message or b'{"ad": "", "text": ""}')
    received = Received(
        sender=LeafIndex(2),
        data=said["text"].encode(),
        authenticated_data=bytes.fromhex(said["ad"]),
        generation=0,
        original=Original(epoch.public.context, 2, b"", b"", b"", b"", b"", 0),
    )
    return Decrypted(epoch, received)


def _whatever_is_handed_over(past: Past, handed: Handed, _charter: object) -> Any:  # noqa: ANN401
    return past.header(handed.sequence), b"?"


def _whoever_the_device_was(ledgers: Ledgers, header: LogHeader, _handed: Handed) -> bytes:
    device = ledgers.roster.device_ever(header.device_id)
    assert device is not None, "the roster has it, or had it"
    return device.member_id


def _open_anything(suite: Suite, key: bytes, nonce: bytes, _aad: bytes, sealed: bytes) -> bytes:
    """AES-GCM without its tag: the counter mode that is left."""
    del suite
    counter = modes.CTR(nonce + (2).to_bytes(4, "big"))
    return Cipher(algorithms.AES(bytes(key)), counter).decryptor().update(sealed[:-16])


def _everything(timeline: Timeline, _read: int, *, me: bytes) -> Position:
    """A receipt for each entry, whatever it is."""
    return Position(timeline.sequence, timeline.sequence)


def _any_invite(roster: Any, member_id: Any) -> Any:  # noqa: ANN401 - as the rule takes them
    """The invite as it was before it was used."""
    at = next(n for n in range(roster.head.sequence, 0, -1) if roster.invite(member_id, at=n))
    return roster.invite(member_id, at=at)


def _trusting() -> dict[str, Asset]:
    """The page, without its look at what the process has proved."""
    found = dict(assets())
    script = found["/lib/api.js"].body
    without = script.replace(b"welcome.proof!==(await", b"!(await")
    assert without != script, "the check stands where it stood"
    return {**found, "/lib/api.js": dataclasses.replace(found["/lib/api.js"], body=without)}


async def _any_unit(house: Any, _caller: Any, unit_id: bytes) -> Any:  # noqa: ANN401
    return await house.unit(unit_id)


@contextlib.asynccontextmanager
async def _whatever_the_server_says(*_: object) -> AsyncIterator[None]:
    yield


def _equal(*_: object) -> bool:
    return True


@contextlib.contextmanager
def _the_source_again(spool: Spool, file_id: FileId) -> Iterator[IO[bytes]]:
    """What a sender without a spool has: the file as it is now."""
    data = (spool._folder.parent / "film.bin").read_bytes()
    yield io.BytesIO(data.ljust((spool._folder / file_id.hex()).stat().st_size, b"\0"))


def _write_anywhere(path: Path, text: str) -> None:
    path.write_text(text)


def _fits(item: Any, *_: object) -> VerifiedKeyPackage:  # noqa: ANN401 - as the rule takes it
    return VerifiedKeyPackage(decode(MLSMessage, item.key_package).message)  # type: ignore[arg-type]


def _start_by_the_wall(*, now: UnixMillis, high_water: UnixMillis) -> Clock:
    """What a device knows of time if it remembers nothing."""
    del high_water
    return start_clock(now=now, high_water=UnixMillis(0))


def _any_path(tree: RatchetTree, nodes: tuple[NodeIndex, ...], secret: Secret) -> PathSecrets:
    """What a path secret gives, whether or not the tree has those keys."""
    return derive_path(tree.suite, secret, nodes)


GATE = "mifeng_crypto.gate"
LEDGER = "mifeng_crypto.ledger"
MLS = "mifeng_crypto.mls"

CHECKS: dict[str, Check] = {
    # ledgers
    "the signature of an entry": _in(f"{LEDGER}.chain", "check_signature"),
    "the place of an entry": _in(f"{LEDGER}.chain", "check_place"),
    "the version of an entry": _in(f"{LEDGER}.chain", "check_version"),
    "the workspace of an entry": _in(f"{LEDGER}.chain", "check_belongs"),
    "the right to invite": _in(f"{LEDGER}.roster_rules", "check_may_invite"),
    "the lifetime of an invite": _in(f"{LEDGER}.roster_rules", "check_invite_is_in_time"),
    "an archive's role": _in(f"{LEDGER}.charter_rules", "check_role"),
    "no leaf grows too old": _in(f"{GATE}.commit", "check_keeps_no_overdue"),
    "an archive's notice": _in(f"{GATE}.standing.Ledgers", "check_archive"),
    "entries in their time": _in(f"{GATE}.heads", "check_times"),
    "the right to remove": _in(f"{LEDGER}.roster_rules", "check_governs"),
    "unused invites": _in(f"{LEDGER}.roster_rules", "unused_invite", instead=_any_invite),
    "new member ids": _in(f"{LEDGER}.roster_rules", "check_member_id_is_new"),
    "weak keys in the roster": _in(f"{LEDGER}.roster_rules", "check_public_key"),
    "one history of the roster": _in(f"{LEDGER}.roster.Roster", "check_has"),
    "the head in the link": _in("mifeng.session.roster", "check_arrival"),
    "the genesis in the link": Check(("mifeng.session.roster.follow",), _follow_anybody),
    # releases
    "enough signers": _in(
        "scripts.release", "check_signers", instead=lambda note, _: parse_note(note).text
    ),
    # the gate
    "leaves against ledgers": _in(
        f"{GATE}.standing.Ledgers", "check_leaf", instead=lambda _, leaf: identity_of(leaf)
    ),
    "only Add and Remove": _in(f"{GATE}.commit", "check_proposals"),
    "commits by members": _in(f"{GATE}.commit", "check_carrier"),
    "the committer belongs": _in(f"{GATE}.commit", "check_committer"),
    "the committer's identity": _in(f"{GATE}.commit", "check_committers_leaf"),
    "due Removes": _in(f"{GATE}.commit", "check_removes_what_is_due"),
    "no other Removes": _in(f"{GATE}.commit", "check_removes_nothing_else"),
    "the life of a KeyPackage": _in(f"{GATE}.commit", "check_lifetime"),
    "the sender of a commit": _in(f"{GATE}.commit", "check_sender"),
    "the sender of a message": _in(f"{GATE}.message", "check_sender"),
    "the group of the charter": Check(
        (f"{GATE}.commit.check_group", f"{GATE}.welcome.check_group")
    ),
    "nothing while a Remove is due": _in(f"{GATE}.message", "check_nothing_due"),
    "the sender's time": _in(f"{GATE}.authenticated", "check_clock"),
    "the age of the keys": _in(f"{GATE}.message", "check_key"),
    "heads go forward": _in(f"{GATE}.heads", "check_forward"),
    "one history of the log": _in(f"{GATE}.chain.LogPosition", "check_has"),
    "the Welcome's commit": _in(f"{GATE}.welcome", "check_is_its_commit"),
    "what a commit says of its unit": _in(f"{GATE}.commit", "check_state"),
    "what a Welcome says of its unit": _in(f"{GATE}.welcome", "check_says_the_same"),
    "the next entry": _in(f"{GATE}.chain", "check_sequence"),
    "the entry before": _in(f"{GATE}.chain", "check_previous"),
    "the content of an entry": _in(f"{GATE}.chain", "check_content"),
    "the epoch of an entry": _in(f"{GATE}.chain", "check_epoch"),
    # the server's door
    "rate limits": _in("mifeng_server.domain.limits.Limiter", "admit"),
    "who is slow is not under way": _in(
        "mifeng_server.domain.limits.Limiter", "aside", instead=contextlib.nullcontext
    ),
    "what a device has under way": _in("mifeng_server.domain.limits.Limiter", "begin"),
    "who reads a unit": _in(
        "mifeng_server.domain.unit_read", "may_take_part", instead=lambda *_: True
    ),
    "the protocol version": _in("mifeng_server.routes.endpoint", "check_protocol"),
    "bodies as they are": _in("mifeng_server.routes.endpoint", "check_plain"),
    "the cap": _in(f"{LEDGER}.charter_rules", "check_cap"),
    "a source of randomness": _in("mifeng_server.serving", "check_random"),
    # MLS
    "nobody is in a tree twice": _in(f"{MLS}.group.proposal_rules", "check_clients"),
    "the confirmation tag": _in(f"{MLS}.group.commit_process", "verify_confirmation_tag"),
    "the membership tag": _in(f"{MLS}.group.commit_process", "verify_membership_tag"),
    "tags": Check(
        (
            f"{MLS}.group.commit_process.verify_confirmation_tag",
            f"{MLS}.group.commit_process.verify_membership_tag",
        )
    ),
    "the hash of a tree": _in(f"{MLS}.group.public_group", "_check_tree_hash"),
    "the lifetime of a leaf": _in(f"{MLS}.group.key_package", "check_lifetime"),
    "the secrets of a path": Check((f"{MLS}.tree.treekem.path_from",), _any_path),
    "how far a message may be ahead": Check((f"{MLS}.keys.secret_tree.MAX_FORWARD",), 2000),
    "the epoch of a message": _in(f"{MLS}.group.application", "check_group_and_epoch"),
    "HPKE keys of small order": _in(f"{MLS}.group.key_package", "check_encryption_key"),
    "labels": Check(
        ("mifeng_crypto.labels._prefix",), lambda _: encode(SignContent(b"", b""))[:-1]
    ),
    # the directory
    "one alphabet a word": _in(f"{LEDGER}.card", "check_script"),
    "printable names": _in(f"{LEDGER}.card", "check_text"),
    "namesakes are told apart": _in(
        "mifeng.core.people", "skeleton", instead=lambda _: os.urandom(8).hex()
    ),
    # the client
    "the digits of the request": _in("mifeng.session.linking", "check_code"),
    "the nonce of the link": Check(
        ("mifeng_crypto.linking.check_nonce", "mifeng.session.enrolment.check_nonce")
    ),
    "the length of a recovery code": Check(("mifeng.core.profile.CODE_BYTES",), 1),
    "changes are told": Check(
        ("mifeng.session.roster.read_changes", "mifeng.session.changes.read_changes"),
        lambda *_args, **_named: (),
    ),
    "claimed KeyPackages": Check(("mifeng.core.membership._fit",), _fits),
    "each KeyPackage by itself": Check(("mifeng.core.membership._passes",), lambda *_: True),
    "used keys are deleted": Check(
        ("mifeng.session.session.Session.save",), _save_and_forget_nothing
    ),
    "the same key at each attempt": Check(
        ("mifeng.core.outbox.idempotency_key",), lambda _: os.urandom(16)
    ),
    "the lock of a profile": _in("mifeng.store.lock.fcntl", "flock"),
    "starts follow one another": _in("mifeng_server.domain.starts", "_check"),
    "content under a key of its hour": Check(
        ("mifeng.core.catch_up.timeline_row",), lambda _, record: encode(record)
    ),
    "expiry on time": _in("mifeng.session.expiry", "expire", instead=_nothing),
    "no core dumps": _in("mifeng.cli.hardening", "keep_memory_off_the_disk"),
    "the device's own time": Check(
        ("mifeng_crypto.expiry.clock.Clock.effective",),
        property(lambda self: max(self.high_water, self.witnessed)),
    ),
    "locked is not destroyed": Check(
        ("mifeng_crypto.expiry.clock.Clock.fate",),
        lambda self, deadline: Fate.LIVE if self.effective < deadline else Fate.DESTROYED,
    ),
    "time never goes back": Check(("mifeng.session.expiry.start_clock",), _start_by_the_wall),
    # the screen
    "the host of the screen": _in("mifeng.web.guard", "check_host"),
    "the origin of a page": _in("mifeng.web.guard", "check_origin"),
    "the site of a page": _in("mifeng.web.guard", "check_site"),
    "the proof of a page": _in("mifeng.web.door", "check_proof"),
    "the proof of the process": Check(("mifeng.web.porch.assets",), _trusting),
    "a token works once": Check(("mifeng.web.door.Door._retire",)),
    "the owner of the runtime folder": Check(
        ("mifeng.web.browser.checked_folder",), lambda folder: folder
    ),
    "a new file for the redirect": Check(("mifeng.web.browser.write_new",), _write_anywhere),
    "types by content": Check(("mifeng.web.media.type_of",), lambda _: "text/html"),
    "the headers of answers": Check(("mifeng.web.guard.HEADERS",), {}),
    "the headers of media": Check(("mifeng.web.media.MEDIA_HEADERS",), {}),
    "what senders had been given": _in("mifeng.session.notary", "look_at", instead=_nothing),
    "never back by a Welcome": Check(
        ("mifeng.session.door._knows_more", "mifeng.core.joining.check_generation"),
        lambda *_: False,
    ),
    "a request is made again": Check(("mifeng.session.delivery.REACHES",), 1),
    "a log does not shrink": _in("mifeng.session.session", "check_not_shorter"),
    "catching up comes first": Check(
        ("mifeng.session.session.Session.sync", "mifeng.session.steward.look_first"), _nothing
    ),
    "what a push leaves out is fetched": _in(
        "mifeng.session.live", "fetch_the_rest", instead=_nothing
    ),
    "losses of commits": _in("mifeng.session.notary", "lost", instead=_nothing),
    "what was accepted is given": _in("mifeng.session.delivery", "_check_is_given"),
    "only what cannot be processed is mended": Check(
        ("mifeng.session.readd.stuck_by",), lambda _: state_lost()
    ),
    "the pinned checkpoint": _in("mifeng.session.notary", "check_pin"),
    "how often a device commits": _in("mifeng_server.domain.unit_write", "check_commit_rate"),
    # files
    "the hash of a share": _in("mifeng_crypto.files.key", "check_share"),
    "the commitment of a file": _in(
        "mifeng_crypto.files.open",
        "derive_chunk_keys",
        instead=lambda *_: ChunkKeys(MortalKey(bytearray(32)), bytes(12)),
    ),
    "the two faces of a file": Check(("mifeng_crypto.files.ranged.hmac.compare_digest",), _equal),
    "the hash of a file": _in("mifeng_crypto.files.open.hmac", "compare_digest", instead=_equal),
    "the length of a file": Check(
        (
            "mifeng_crypto.files.open.check_sealed_length",
            "mifeng.transfer.down.check_sealed_length",
        )
    ),
    "a secret for each file": _in(
        "tests.attacks.test_files", "new_file_secret", instead=lambda **_: bytes(32)
    ),
    "a share for each file": _in("tests.attacks.test_files", "_a_share", instead=lambda: bytes(32)),
    "a salt for each file": _in(
        "tests.attacks.test_files", "_seal", instead=lambda _key, data: data
    ),
    "what was sealed is what is sent": _in(
        "mifeng.transfer.spool.Spool", "reading", instead=_the_source_again
    ),
    "what was promised": _in(
        "mifeng.sdk.shelf.Shelf", "_promised", instead=_whatever_the_server_says
    ),
    "safe names": _in("mifeng.transfer.down", "safe_name", instead=lambda name: name),
    "as many pixels as there is memory": Check(("mifeng.media.worker.MAX_PIXELS",), 1 << 40),
    "pictures without their place": _in(
        "mifeng.transfer.up", "stripped", instead=lambda file, _: whole(file)
    ),
    "who may see a file": _in("mifeng_server.domain.uploads", "_unit_of", instead=_any_unit),
    "room for files": _in("mifeng_server.domain.uploads", "check_room", instead=_nothing),
    # what people say
    "nothing but what decrypts": Check(("mifeng_crypto.mls.group.decrypt",), _believe),
    "the origin of a content": _in("mifeng.content.message", "check_origin"),
    "receipts of what is there": _in("mifeng.core.timeline", "check_is_there"),
    "edits by the author alone": _in("mifeng.core.timeline", "check_own"),
    "statements by their sender": _in("mifeng.core.arrival", "check_author"),
    "the readers of an announcement": _in("mifeng.core.arrival", "check_people"),
    "the tag of a ciphertext": Check(("mifeng_crypto.suite.Suite.aead_open",), _open_anything),
    "how much a content may hold": Check(("mifeng.content.mimi.MAX_PARTS",), 1_000_000),
    "what causes a receipt": Check(("mifeng.session.receipts.position",), _everything),
    "a page without markup of others": Check(("mifeng.sdk.exporting.safe",), lambda text: text),
    "the policy of an exported page": Check(
        ("mifeng.sdk.exporting._HEAD",), "<!doctype html><title>{title}</title>"
    ),
    "padding": Check(("mifeng_crypto.mls.message.private_message.message_length",), lambda n: n),
    # what was said before somebody came in
    "who is owed a history": _in(
        "mifeng.core.history.joining", "is_owed", instead=lambda *_args, **_named: True
    ),
    "from whom a history comes": _in(
        "mifeng.core.history.taking", "check_giver", instead=lambda join, _header: join
    ),
    "for which coming in a history is": _in("mifeng.core.history.taking", "check_joining"),
    "a history once": _in("mifeng.core.history.taking", "check_once"),
    "what the log has": _in(
        "mifeng_crypto.gate.history", "check_is_logged", instead=_whatever_is_handed_over
    ),
    "the signature of an original": _in("mifeng_crypto.gate.history", "verify_original"),
    "who was in the unit then": _in(
        "mifeng_crypto.gate.history", "check_author", instead=_whoever_the_device_was
    ),
    "how long a history lives": _in("mifeng_crypto.gate.history", "check_time"),
    "what was handed over is shown": _in("mifeng.sdk.values", "handed_over_in"),
    # the server, where the adversary is a member
    "who sees a file": _in("mifeng_server.domain.uploads", "may_take_part", instead=_equal),
    "whose KeyPackages are handed out": _in("mifeng_server.domain.key_packages", "_check_belongs"),
}


@contextlib.contextmanager
def without(names: Sequence[str]) -> Iterator[None]:
    """Let the product go without these checks while this is entered."""
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            for place in CHECKS[name].places:
                patch.setattr(place, CHECKS[name].instead)
        yield
