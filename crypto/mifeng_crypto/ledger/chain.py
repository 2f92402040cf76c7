"""What all ledgers have in common: the hash chain of their entries (protocol.md, "Ledgers").

    LEDGER-1  an entry names the ledger's head as its predecessor
    LEDGER-2  it has this version of the protocol
    LEDGER-3  it belongs to this workspace (and unit)
    LEDGER-4  its signature verifies
    LEDGER-5  its time is not before its predecessor's
    LEDGER-6  its time is within ten minutes of the server's clock (checked by the server only)
    LEDGER-7  its author is a device that the roster holds
    LEDGER-8  a head that somebody names is on this ledger
    LEDGER-9  a head that somebody names is not past what is known: fetch, then judge

This file knows no body of an entry.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from mifeng_crypto.errors import CryptoError, ProtocolError, UsageError
from mifeng_crypto.ids import PROTOCOL_VERSION
from mifeng_crypto.labels import verify_mifeng
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.tls import Opaque, Text, struct

__all__ = [
    "CLOCK_TOLERANCE_MS",
    "Chain",
    "NeedLedgerError",
    "SplitView",
    "SplitViewError",
    "check_belongs",
    "check_clock",
    "check_place",
    "check_signature",
    "check_time",
    "check_version",
    "empty_chain",
]

CLOCK_TOLERANCE_MS = 10 * 60 * 1000
"""How far the clocks of a device and the server may be apart."""


class NeedLedgerError(ProtocolError):
    """A head lies past the known end of a ledger (LEDGER-9): fetch it, then judge again.

    Who has fetched and still gets this is told of entries that are withheld or do not exist.

    Attributes:
        ledger: `roster`, `charter` or `parent` (the charter of the unit's parent).
        sequence: up to which entry it is needed.
    """

    def __init__(self, ledger: str, *, needed: int, known: int) -> None:
        super().__init__(
            "LEDGER-9",
            "entry {needed} of the {ledger} is needed, and only {known} are known; "
            "fetch the rest and try again",
            ledger=ledger,
            needed=needed,
            known=known,
        )
        self.ledger = ledger
        self.sequence = needed


@struct
class SplitView:
    """What shows that two people were shown two histories, in one encoding for whoever judges it.

    `statement` is what the other side's head was taken from: a sender's `AuthenticatedData`, or
    checkpoints that the server signed; empty where somebody else only named it.
    """

    ledger: Text
    ours: Head
    theirs: Head
    statement: Opaque


class SplitViewError(ProtocolError):
    """Somebody was shown another history: stop, keep the evidence, tell the administrator.

    Attributes:
        split: both sides' heads at that sequence, and where the other one was stated.
    """

    def __init__(self, rule: str, message: str, /, *, split: SplitView) -> None:
        super().__init__(rule, message, ledger=split.ledger, sequence=split.ours.sequence)
        self.split = split

    def stated_in(self, statement: bytes) -> SplitViewError:
        """Return the same with what the other side's head was taken from."""
        split = dataclasses.replace(self.split, statement=statement)
        return SplitViewError(self.rule, self.template, split=split)


@dataclass(frozen=True, slots=True)
class Chain:
    """The hashes and times of a ledger's entries, from the first to `sequence`.

    Chains that grew out of one another share their lists, so that growing is cheap; only when an
    older one grows a second time, and differently, are the lists copied.

    Attributes:
        name: which ledger, for messages.
        hashes: `hashes[n]` is that of entry n; entry 0 is the empty ledger's zeros. It may be
            longer than this chain.
        times: of the same entries, likewise.
        sequence: how many entries this chain has.
    """

    name: str
    hashes: list[bytes]
    times: list[int]
    sequence: int

    @property
    def head(self) -> Head:
        return Head(self.sequence, self.hashes[self.sequence])

    @property
    def time(self) -> int:
        """The last entry's time."""
        return self.times[self.sequence]

    @property
    def is_newest(self) -> bool:
        """Whether nothing has grown out of this chain yet."""
        return len(self.hashes) == self.sequence + 1

    def goes_on_with(self, entry_hash: bytes) -> bool:
        """Whether this very entry has grown out of this chain before."""
        following = self.sequence + 1
        return following < len(self.hashes) and self.hashes[following] == entry_hash

    def grown(self, entry_hash: bytes, time: int) -> Chain:
        """Return the chain with one more entry."""
        hashes, times = self.hashes, self.times
        if not self.goes_on_with(entry_hash):
            if not self.is_newest:
                hashes, times = hashes[: self.sequence + 1], times[: self.sequence + 1]
            hashes.append(entry_hash)
            times.append(time)
        return Chain(self.name, hashes, times, self.sequence + 1)

    def hash_at(self, sequence: int) -> bytes:
        """Return the hash of entry `sequence`; of 0, the empty ledger's.

        Raises:
            NeedLedgerError: LEDGER-9.
        """
        if sequence > self.sequence:
            raise NeedLedgerError(self.name, needed=sequence, known=self.sequence)
        return self.hashes[sequence]

    def check_has(self, head: Head) -> None:
        """Refuse a head that is not on this chain: forked, or made up.

        Raises:
            SplitViewError: LEDGER-8.
            NeedLedgerError: LEDGER-9.
        """
        own = Head(head.sequence, self.hash_at(head.sequence))
        if own != head:
            raise SplitViewError(
                "LEDGER-8",
                "entry {sequence} of the {ledger} is another one here: somebody was shown a "
                "different history; stop, and tell your administrator",
                split=SplitView(self.name, own, head, b""),
            )

    def at(self, sequence: int | None) -> int:
        """Return the sequence to judge by: the given one, or the head's.

        Raises:
            UsageError: it is past this chain's head.
        """
        if sequence is None:
            return self.sequence
        if not 0 <= sequence <= self.sequence:
            raise UsageError(
                "the {ledger} is known from entry 1 to {known}, not at {sequence}",
                ledger=self.name,
                known=self.sequence,
                sequence=sequence,
            )
        return sequence


def empty_chain(name: str) -> Chain:
    """Return the chain of a ledger without an entry."""
    return Chain(name, [bytes(32)], [0], 0)


# ------------------------------------------------------------------ rules for every entry


def check_place(chain: Chain, previous: Head) -> None:
    """LEDGER-1."""
    if previous != chain.head:
        raise ProtocolError(
            "LEDGER-1",
            "the entry follows entry {previous} of another or older {ledger}, whose head is "
            "{sequence}; fetch the new entries and sign again",
            ledger=chain.name,
            previous=previous.sequence,
            sequence=chain.sequence,
        )


def check_version(version: int) -> None:
    """LEDGER-2."""
    if version != PROTOCOL_VERSION:
        raise ProtocolError(
            "LEDGER-2",
            "the entry is of version {version} of the protocol; install a newer mifeng",
            version=version,
        )


def check_belongs(expected: bytes, found: bytes) -> None:
    """LEDGER-3."""
    if expected != found:
        raise ProtocolError("LEDGER-3", "the entry is of another workspace or unit")


def check_signature(public: bytes, label: str, content: bytes, signature: bytes) -> None:
    """LEDGER-4."""
    try:
        verify_mifeng(public, label, content, signature)
    except CryptoError as err:
        raise ProtocolError(
            "LEDGER-4", "the entry's signature is not its author's; fetch it again"
        ) from err


def check_time(chain: Chain, time: int) -> None:
    """LEDGER-5."""
    if time < chain.time:
        raise ProtocolError(
            "LEDGER-5",
            "the entry is dated {ms} ms before its predecessor; set this device's clock",
            ms=chain.time - time,
        )


def check_clock(time: int, *, now: int) -> None:
    """Refuse an entry whose author's clock is off; the server calls it at its door.

    Raises:
        ProtocolError: LEDGER-6.
    """
    if abs(time - now) > CLOCK_TOLERANCE_MS:
        raise ProtocolError(
            "LEDGER-6",
            "the entry is dated {seconds} s from the server's clock; set this device's clock",
            seconds=abs(time - now) // 1000,
        )
