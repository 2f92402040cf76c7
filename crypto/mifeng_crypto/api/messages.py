"""Bodies of requests, replies and pushes.

`bytes` are raw in MessagePack and base64 (RFC 4648 section 4) in JSON. Signed things travel as the
bytes that were signed, never taken apart into JSON. Times are Unix milliseconds. Unknown fields
are refused.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "AcceptedReply",
    "BoxReply",
    "BoxesReply",
    "Card",
    "CardsReply",
    "CheckpointsReply",
    "ClaimReply",
    "ClaimRequest",
    "ClaimedKeyPackage",
    "CommitRequest",
    "Departure",
    "DirectoryBox",
    "EntriesReply",
    "FileReply",
    "FoundRequest",
    "FoundingReply",
    "HeadReply",
    "Id",
    "KeyPackageCount",
    "LedgerAppendRequest",
    "LinkAnswer",
    "LinkLetter",
    "LinkOpen",
    "LinkState",
    "LogReply",
    "LoginReply",
    "LoginRequest",
    "MessageRequest",
    "NonceReply",
    "OffboardingReply",
    "OpenUnitRequest",
    "PictureReply",
    "PublishKeyPackagesRequest",
    "Push",
    "PutBoxesRequest",
    "ReaddRequest",
    "ReadersReply",
    "ResealReply",
    "ResealRequest",
    "ServerInfo",
    "ShareReply",
    "StaleReply",
    "StreamHello",
    "UnitSummary",
    "UnitsReply",
    "WantBoxRequest",
    "WelcomeItem",
    "WelcomeOut",
    "WelcomesReply",
]

Id = Annotated[bytes, Meta(min_length=16, max_length=16)]
Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
SuiteNumber = Annotated[int, Meta(ge=0, le=0xFFFF)]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all bodies have in common: immutable, by keyword, nothing unknown."""


class ServerInfo(Body, frozen=True):
    """GET /v1/server: all that a stranger may know. `checkpoint_key` is for the founder."""

    protocol: int
    workspace_id: bytes | None
    genesis: bytes | None
    checkpoint_key: Hash
    time: int


class FoundRequest(Body, frozen=True):
    """POST /v1/found: the one-time token of the founding link, and the roster's first entry."""

    token: Hash
    entry: bytes


class HeadReply(Body, frozen=True):
    """Where a ledger stands after what was sent."""

    sequence: Count
    hash: Hash


class NonceReply(Body, frozen=True):
    """POST /v1/login/nonce: to be signed within a minute, once."""

    nonce: Hash


class LoginRequest(Body, frozen=True):
    """POST /v1/login: `tbs` is a LoginTBS (login.py), signed by a device's or an invite's key."""

    tbs: bytes
    signature: bytes


class LoginReply(Body, frozen=True):
    """A bearer token for a device (all that it may do) or an invite (roster only)."""

    token: str
    expires_at: int


class StartRequest(Body, frozen=True):
    """POST /v1/start: the number and token of the device's last start, and the token of this one.

    The first start follows number 0, with a token of zeros. The same request again confirms that
    this start is the running one.
    """

    number: Count
    token: Hash
    next: Hash


class StartReply(Body, frozen=True):
    """What time it is at the server."""

    time: int


class SlotShare(Body, frozen=True):
    """The server's half of the keys of what a strict unit accepted in one slot."""

    unit_id: Id
    slot: Count
    deadline: int
    share: Hash


class SlotSharesReply(Body, frozen=True):
    """GET /v1/slots: of all that is live in the strict units of the caller."""

    shares: list[SlotShare]


class EntriesReply(Body, frozen=True):
    """A part of a ledger: encoded entries in order, and the ledger's whole length."""

    entries: list[bytes]
    head_sequence: Count


class LedgerAppendRequest(Body, frozen=True):
    """One signed entry, whose `previous` must be the ledger's head."""

    entry: bytes


Letter = Annotated[bytes, Meta(max_length=8192)]


class LinkOpen(Body, frozen=True):
    """POST /v1/links: the calling device opens a mailbox in which a new one finds it."""

    link_id: Id


class LinkLetter(Body, frozen=True):
    """POST .../request: what the new device asks for, sealed under the link."""

    sealed: Annotated[bytes, Meta(min_length=1, max_length=8192)]


class LinkAnswer(Body, frozen=True):
    """POST .../answer: the device that opened the mailbox adds to it, or closes it."""

    reveal: Letter = b""
    grant: Letter = b""
    close: bool = False


class LinkState(Body, frozen=True):
    """What lies in a mailbox: letters that the server cannot read, empty until they come."""

    expires_at: int
    request: bytes
    reveal: bytes
    grant: bytes


class Card(Body, frozen=True):
    """A sealed card of the directory: the newest version of a member's, or of a unit's.

    `key_number` says under which directory key it is sealed. `picture`, the sealed picture, is only
    sent to the server: None leaves the one that is there, an empty one deletes it.
    """

    subject: Id
    version: Annotated[int, Meta(ge=1, le=2**32 - 1)]
    sealed: Annotated[bytes, Meta(max_length=65_536)]
    kind: Literal["person", "unit"] = "person"
    key_number: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 0
    picture: Annotated[bytes, Meta(max_length=65_536)] | None = None


class CardsReply(Body, frozen=True):
    """All cards that changed after a cursor; `stale`: whether any lie under an older key."""

    cards: list[Card]
    cursor: Count
    stale: bool = False


class PictureReply(Body, frozen=True):
    """A member's sealed picture."""

    sealed: bytes


class StaleReply(Body, frozen=True):
    """Some of the cards under an older directory key, without content: who has them seals anew."""

    cards: list[Card]


class ResealRequest(Body, frozen=True):
    """POST /v1/directory/reseal: the same cards, of the same versions, under the present key."""

    cards: Annotated[list[Card], Meta(min_length=1, max_length=200)]


class ResealReply(Body, frozen=True):
    """How many were taken; the others have a newer version or are under the present key already."""

    taken: Count


class DirectoryBox(Body, frozen=True):
    """A directory key, sealed to one device."""

    device_id: Id
    sealed: Annotated[bytes, Meta(max_length=4096)]


class PutBoxesRequest(Body, frozen=True):
    """POST /v1/directory/boxes: a directory key, by its hash, sealed to devices.

    The present one, or the next, whose roster entry follows.
    """

    key_hash: Hash
    boxes: Annotated[list[DirectoryBox], Meta(min_length=1, max_length=500)]


class BoxesReply(Body, frozen=True):
    """How many boxes were taken."""

    taken: Count


class BoxReply(Body, frozen=True):
    """The calling device's box of the present key, if it is there; and who lacks theirs."""

    sealed: bytes | None
    wanted: list[bytes]


class WantBoxRequest(Body, frozen=True):
    """POST /v1/directory/box: the calling device lacks the present key, or cannot open its box."""

    key_hash: Hash


class PublishKeyPackagesRequest(Body, frozen=True):
    """Encoded KeyPackages (MLSMessage) of the calling device."""

    key_packages: Annotated[list[bytes], Meta(min_length=1, max_length=100)]


class KeyPackageCount(Body, frozen=True):
    """How many unused KeyPackages of the calling device the server holds, by cipher suite."""

    unused: dict[SuiteNumber, Count]


class ClaimRequest(Body, frozen=True):
    """POST .../key-packages/claim: devices that the ledgers say belong in the unit and are not."""

    device_ids: Annotated[list[Id], Meta(min_length=1, max_length=1000)]


class ClaimedKeyPackage(Body, frozen=True):
    """One device's KeyPackage (MLSMessage); the same again until a commit with it is accepted."""

    device_id: Id
    key_package: bytes


class ClaimReply(Body, frozen=True):
    """What could be had; devices without one are missing from the list."""

    key_packages: list[ClaimedKeyPackage]


class OpenUnitRequest(Body, frozen=True):
    """POST /v1/units and /v1/units/{unit_id}/restart: the charter's `create` or `restart`, and the
    GroupInfo of the generation's epoch 0 (MLSMessage, with tree).
    """

    charter_entry: bytes
    group_info: bytes


class UnitSummary(Body, frozen=True):
    """A unit of the calling member, and where its charter and log stand."""

    unit_id: Id
    generation: Count
    epoch: Count
    charter_sequence: Count
    log_sequence: Count


class UnitsReply(Body, frozen=True):
    """GET /v1/units. `others` are units that the caller has a say in without being in them."""

    units: list[UnitSummary]
    others: list[Id]
    roster_sequence: Count


class WelcomeOut(Body, frozen=True):
    """One Welcome of a commit, for those devices whose KeyPackages it names."""

    welcome: bytes
    device_ids: Annotated[list[Id], Meta(min_length=1, max_length=3000)]


class CommitRequest(Body, frozen=True):
    """POST .../commits: a PublicMessage and, where it adds, its Welcome. All or nothing."""

    generation: Count
    commit: bytes
    welcome: WelcomeOut | None = None


class MessageRequest(Body, frozen=True):
    """POST .../messages: a PrivateMessage with application data."""

    generation: Count
    message: bytes


class ReaddRequest(Body, frozen=True):
    """POST .../readd: a signed NeedsReadd (log.py) of the calling device."""

    generation: Count
    statement: bytes


class AcceptedReply(Body, frozen=True):
    """It is on disk. `header` is the entry's LogHeader; `retain_until` holds for its files too.

    `receipt` is an encoded Receipt for it; empty if the roster names no checkpoint key.
    """

    header: bytes
    retain_until: int
    receipt: bytes = b""


class FoundingReply(Body, frozen=True):
    """GET .../founding: an MLSMessage, whose hash stands before the log's first entry."""

    group_info: bytes


class LogReply(Body, frozen=True):
    """A part of a unit's log: encoded LogEntry, in order, and the log's whole length."""

    entries: list[bytes]
    head_sequence: Count


class CheckpointsReply(Body, frozen=True):
    """GET /v1/checkpoints: signed notes of the roster, and of each unit's charter and log."""

    notes: list[bytes]


class WelcomeItem(Body, frozen=True):
    """A Welcome waiting for the calling device.

    `sequence` is its commit's place in the log; the tree is had under `tree_hash`.
    """

    welcome_id: Id
    unit_id: Id
    generation: Count
    sequence: Count
    welcome: bytes
    tree_hash: bytes


class WelcomesReply(Body, frozen=True):
    """GET /v1/welcomes."""

    welcomes: list[WelcomeItem]


class Departure(Body, frozen=True):
    """A unit that a former member was in: the LogHeader of the commit without them, if done."""

    unit_id: Id
    generation: Count
    header: bytes | None


class OffboardingReply(Body, frozen=True):
    """GET .../offboarding: what the server says of each unit that a former member was in.

    Units of which the caller may not see the charter are only counted.
    """

    units: list[Departure]
    others_out: Count
    others_pending: Count


class FileReply(Body, frozen=True):
    """What the server knows of a file. `retain_until` is 0 until a message names it."""

    file_id: Id
    unit_id: Id
    length: Count
    offset: Count
    retain_until: int


class ShareReply(Body, frozen=True):
    """The server's half of a file's key; it dies with the file."""

    share: Hash


class ReadersReply(Body, frozen=True):
    """GET .../readers: the members who have had a file's share, without whoever posted it."""

    member_ids: list[Id]


class StreamHello(Body, frozen=True):
    """The first frame on the WebSocket: who, and from where on to be told of each unit's log."""

    token: str
    protocol: int
    after: dict[str, Count]


class Push(Body, frozen=True):
    """A frame to the client: entries of one unit's log, or a hint to look.

    With `kind` `log`, `entries` are encoded LogEntry that follow one another; entries above 64 KiB
    are not in it, and the client fetches from the first that is missing. `roster`, `charter`,
    `welcomes`, `directory` and `units` only say that there is something new. `steward` asks this
    one device to commit what the ledgers want of `unit_id`; `keys`, to look who lacks the
    directory's key.
    """

    kind: Literal["log", "roster", "charter", "welcomes", "directory", "units", "steward", "keys"]
    unit_id: bytes | None = None
    generation: int = 0
    entries: tuple[bytes, ...] = ()
    head_sequence: int = 0
