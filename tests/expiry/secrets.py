"""MLS's own secrets one by one: init, joiner, path, leaf and tree secrets, down to a message key.

Every derivation, unsealing and write to a device's disk is recorded as it happens. What somebody
opens who has a device's disk, all keys that are alive in its vault at a moment, and everything that
a server ever stored, is then what follows: whatever stands in a value that a living key opens; what
those derive (for which all parents are needed); what those open of what was sent to them. Of a
message whose time is over, the key may not be among it.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from mifeng.core.rows import TimelineRecord
from mifeng.store.keeping import Keeper
from mifeng_crypto.errors import CodecError
from mifeng_crypto.expiry.slot import DESTROY_WITHIN_MS
from mifeng_crypto.suite import Suite
from mifeng_crypto.tls import decode
from tests.expiry.lineage import IMMORTAL, Ledger

__all__ = ["Secrets"]

LEAST = 16
"""Bytes of a secret: what is shorter (a nonce) is none."""
NAMES = {b"MLS 1.0 " + name.encode(): name for name in ("joiner", "init", "path", "encryption")}


@dataclass
class Secrets:
    """What has happened on all devices of a test.

    Attributes:
        ledger: the vaults' keys.
        parents: the ways to make a secret, each by all of what is needed.
        plaintexts: what was opened with a secret.
        named: the secrets of RFC 9420, by their names, in order.
        kept: vault -> key of it -> what it has sealed, and when.
        contents: of messages, with their deadlines.
    """

    ledger: Ledger
    parents: dict[bytes, set[tuple[bytes, ...]]] = field(default_factory=lambda: defaultdict(set))
    plaintexts: dict[bytes, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    named: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    kept: dict[int, dict[str, list[tuple[int, bytes]]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    contents: dict[bytes, int] = field(default_factory=dict)

    # -------------------------------------------------------------- judged

    def violations(self) -> list[str]:
        """Return which messages' keys could be had after the messages' time, by now."""
        now, found = self.ledger.now(), list[str]()
        for latest in sorted({end + DESTROY_WITHIN_MS for end in self.contents.values()}):
            if latest < now:
                over = [c for c, end in self.contents.items() if end + DESTROY_WITHIN_MS <= latest]
                found += self._had(latest, over)
        return found

    def without_mortal_keys(self) -> list[str]:
        """Return which messages' keys the store key alone leads to: at no time may it be one."""
        return self._had(None, list(self.contents))

    def _had(self, at: int | None, contents: list[bytes]) -> list[str]:
        wanted = {c: self._keys_of(c) for c in contents}
        candidates = self._ancestors(set().union(*wanted.values()) if wanted else set())
        found = []
        for vault, kept in self.kept.items():
            values = [
                value
                for key, sealed in kept.items()
                if key == IMMORTAL or self._is_alive(key, at)
                for when, value in sealed
                if at is None or when <= at
            ]
            known = self._closure(
                {secret for secret in candidates if any(secret in value for value in values)},
                candidates,
            )
            found += [
                f"vault {vault}: a message's key can be made again ({len(known)} secrets known)"
                for keys in wanted.values()
                if keys & known
            ]
        return found

    def _is_alive(self, key: str, at: int | None) -> bool:
        if at is None:
            return False
        died = self.ledger.died.get(key)
        return self.ledger.born.get(key, 0) <= at and (died is None or died > at)

    def _keys_of(self, content: bytes) -> set[bytes]:
        """What was used to open or seal a message with this content."""
        return {key for key, texts in self.plaintexts.items() if any(content in t for t in texts)}

    def _ancestors(self, keys: set[bytes]) -> set[bytes]:
        """All from which these can be made."""
        found, new = set[bytes](), set(keys)
        sources = {
            text: key
            for key, texts in self.plaintexts.items()
            for text in texts
            if len(text) < 4096
        }
        while new:
            found |= new
            before = {one for key in new for way in self.parents.get(key, ()) for one in way}
            before |= {key for text, key in sources.items() if any(one in text for one in new)}
            new = {one for one in before if any(one)} - found
        return found

    def _closure(self, known: set[bytes], candidates: set[bytes]) -> set[bytes]:
        """What follows from these."""
        grown = True
        while grown:
            grown = False
            opened = [text for key in known for text in self.plaintexts.get(key, ())]
            for secret in candidates - known:
                ways = self.parents.get(secret, ())
                if any(all(one in known or not any(one) for one in way) for way in ways) or any(
                    secret in text for text in opened
                ):
                    known.add(secret)
                    grown = True
        return known

    # -------------------------------------------------------------- emitted

    def _made(self, child: bytes, *parents: bytes) -> None:
        if len(child) >= LEAST:
            self.parents[bytes(child)].add(tuple(bytes(one) for one in parents))

    @contextlib.contextmanager
    def listening(self) -> Iterator[Secrets]:
        """Instrument the calls; the ledger listens already."""
        extract, expand, pair = Suite.extract, Suite.expand, Suite.derive_key_pair
        hpke_open, aead_open, aead_seal = Suite.hpke_open, Suite.aead_open, Suite.aead_seal
        seal, of = Keeper.seal, self

        def extracting(suite: Suite, salt: bytes, ikm: bytes) -> Any:  # noqa: ANN401 - as it is
            out = extract(suite, salt, ikm)
            of._made(out, salt, ikm)
            return out

        def expanding(suite: Suite, prk: bytes, info: bytes, n: int) -> Any:  # noqa: ANN401
            out = expand(suite, prk, info, n)
            of._made(out, prk)
            for label, name in NAMES.items():
                if label in info:
                    of.named[name].append(bytes(out))
            return out

        def pairing(suite: Suite, ikm: bytes) -> Any:  # noqa: ANN401
            made = pair(suite, ikm)
            of._made(made.private, ikm)
            return made

        def unsealing(suite: Suite, private: bytes, *more: bytes) -> bytes:
            text = hpke_open(suite, private, *more)
            of.plaintexts[bytes(private)].add(bytes(text))
            return text

        def opening(suite: Suite, key: bytes, *more: bytes) -> bytes:
            text = aead_open(suite, key, *more)
            of.plaintexts[bytes(key)].add(bytes(text))
            return text

        def sealing(suite: Suite, key: bytes, nonce: bytes, aad: bytes, text: bytes) -> bytes:
            of.plaintexts[bytes(key)].add(bytes(text))
            return aead_seal(suite, key, nonce, aad, text)

        def keeping(keeper: Keeper, table: str, key: bytes, value: bytes) -> bytes:
            stored = seal(keeper, table, key, value)
            of._kept(keeper, table, key, value, stored)
            return stored

        with pytest.MonkeyPatch.context() as patch:
            calls: tuple[tuple[str, Callable[..., Any]], ...] = (
                ("extract", extracting),
                ("expand", expanding),
                ("derive_key_pair", pairing),
                ("hpke_open", unsealing),
                ("aead_open", opening),
                ("aead_seal", sealing),
            )
            for name, call in calls:
                patch.setattr(Suite, name, call)
            patch.setattr(Keeper, "seal", keeping)
            yield self

    def _kept(self, keeper: Keeper, table: str, key: bytes, value: bytes, stored: bytes) -> None:
        label = self.ledger.label_of(keeper, table, key, stored)
        self.kept[id(keeper._vault)][label].append((self.ledger.now(), bytes(value)))
        if table == "messages":
            with contextlib.suppress(CodecError):
                record = decode(TimelineRecord, bytes(value))
                if len(record.content) >= LEAST:
                    self.contents[record.content] = record.deadline
