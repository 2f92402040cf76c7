"""No secret shows itself: not in a repr, a string, an exception, a pickle, a log.

A whole story is played while everything that any function of ours returns is collected: each
secret, and each value that could be printed. Then the ones are searched for in the others.
"""

from __future__ import annotations

import base64
import importlib
import inspect
import logging
import pickle
import pkgutil
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache
from types import FrameType
from typing import Any, get_args, get_type_hints

import pytest

import mifeng_crypto
from mifeng_crypto.errors import MifengError
from mifeng_crypto.files.key import derive_file_key, new_file_secret, share_hash
from mifeng_crypto.files.ranged import PartialOpener
from mifeng_crypto.files.seal import Sealer
from mifeng_crypto.ids import PROTOCOL_VERSION, DeviceId, FileId, MemberId, UnitId, WorkspaceId
from mifeng_crypto.labels import sign_mifeng
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.roster_entry import DeviceAuthor
from mifeng_crypto.links import FoundLink, InviteLink, format_link, parse_link
from mifeng_crypto.login import LoginTBS
from mifeng_crypto.mls.group import (
    Epoch,
    PendingCommit,
    default_capabilities,
    external_commit,
    group_info,
    join,
    propose_update,
)
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import SUITES
from mifeng_crypto.tls import decode, encode
from tests.crypto.mls.world import LIFETIME, NOW_S, CountingRng, Device, World

TEXT = "attack at dawn, by the northern gate"
PACKAGE = mifeng_crypto.__path__[0]


class Collected:
    """What the functions of the package returned, and what it said when it refused."""

    def __init__(self) -> None:
        self.secrets: set[bytes] = {TEXT.encode()}
        self.examples: dict[type, Any] = {}
        self.shown: set[str] = set()

    def watch(self, frame: FrameType, event: str, result: object) -> None:
        if event == "return" and frame.f_code.co_filename.startswith((PACKAGE, "<string>")):
            self.take(result)

    def take(self, value: object) -> None:
        """Take in a value of ours with all that is inside, and how it prints."""
        if isinstance(value, Secret):
            self.secrets.add(bytes(value))
        elif isinstance(value, tuple | list):
            for each in value:
                self.take(each)
        elif isinstance(value, Mapping):
            for each in value.values():
                self.take(each)
        if type(value).__module__.startswith("mifeng_crypto") and not isinstance(value, type):
            printed = repr(value)
            if printed not in self.shown or type(value) not in self.examples:
                self.examples[type(value)] = value
                self.shown |= {printed, str(value), f"{value}", f"{[value]}", ascii(value)}
                if is_dataclass(value):
                    for field in fields(value):
                        with suppress(AttributeError):
                            self.take(getattr(value, field.name))

    def refusal(self, call: Callable[[], object]) -> None:
        """Let something fail, and keep all that a log would have of it."""
        with pytest.raises(MifengError) as caught:
            call()
        err: BaseException | None = caught.value
        self.shown |= set(traceback.format_exception(caught.value))
        while err is not None:
            self.shown |= {repr(err), str(err), repr(err.args), repr(vars(err))}
            err = err.__cause__ or err.__context__


def play(c: Collected, suite_id: int) -> None:
    world = World(4, SUITES[suite_id])
    anna, bert, carl, dora = world.devices
    c.secrets |= {device.signature_key for device in world.devices}
    bert.read(anna.send(TEXT))
    anna.send("skipped")
    bert.read(late := anna.send("read first"))
    c.refusal(lambda: bert.read(late))
    # Commits with paths and without, with new members; waiting ones and stored ones.
    before = dora.now
    new = Device("new", suite=anna.suite, rng=CountingRng(77))
    pending = world.commit(anna, add=[new], remove=[dora])
    c.take(PendingCommit.decode(pending.encode(), pending.epoch))
    world.commit(bert)
    c.refusal(lambda: Device("dora", epoch=before).read(anna.send(TEXT)))
    other = Device("other", suite=anna.suite, rng=CountingRng(78))
    other.key_package()
    assert pending.welcome is not None
    welcome, bundle = pending.welcome, other.bundle
    assert bundle is not None
    c.refusal(lambda: join(welcome, bundle, tree=None))
    # A proposed Update, and joining from outside.
    sent = propose_update(carl.now, signature_key=carl.signature_key, now_s=NOW_S, rng=carl.rng)
    carl.epoch = sent.epoch
    info = group_info(
        bert.now, signature_key=bert.signature_key, with_tree=True, with_external_pub=True
    )
    c.take(
        external_commit(
            info,
            signature_key=other.signature_key,
            credential=BasicCredential(b"other"),
            capabilities=default_capabilities(),
            now_s=NOW_S,
            rng=other.rng,
        )
    )
    # Stored and loaded, whole and damaged.
    parts = {at: part for at, part in carl.now.parts(None).items() if part is not None}
    c.take(Epoch.from_parts(parts))
    for at in parts:
        c.refusal(lambda at=at: Epoch.from_parts({**parts, at: parts[at][:-1]}))  # type: ignore[misc]
    c.refusal(lambda: anna.suite.sign(anna.signature_key[:-1], b""))
    c.refusal(lambda: encode(LIFETIME.__class__(-1, anna.signature_key)))  # type: ignore[arg-type]


def play_the_rest(c: Collected) -> None:
    """Files, links and logging in."""
    rng = CountingRng(5)
    unit, file = UnitId(rng(16)), FileId(rng(16))
    share, secret = rng(32), new_file_secret(rng=rng)
    key = derive_file_key(secret, share, unit_id=unit, file_id=file, named=share_hash(share))
    sealer = Sealer(key, size=len(TEXT))
    sealed = sealer.update(TEXT.encode()) + b"".join(sealer.finish())
    c.take(PartialOpener(key, size=len(TEXT), header=sealed[:56]))
    c.refusal(lambda: PartialOpener(key, size=len(TEXT), header=bytes(56)))
    where, pin = ("https://example.org",), rng(32)
    found = FoundLink(PROTOCOL_VERSION, where, pin, rng(32))
    head, member = Head(1, rng(32)), MemberId(rng(16))
    invite = InviteLink(PROTOCOL_VERSION, where, pin, rng(32), head, member, rng(32), rng(32))
    c.secrets |= {share, found.token, invite.secret_key, invite.directory_key}
    for link in (found, invite):
        text = format_link(link)
        c.take(parse_link(text))
        c.refusal(lambda text=text: parse_link(text[:-3]))  # type: ignore[misc]
        c.refusal(lambda text=text: parse_link(text.replace("mifeng:", "mifeng://")))  # type: ignore[misc]
    author = DeviceAuthor(member, DeviceId(rng(16)))
    workspace, nonce = WorkspaceId(rng(16)), rng(32)
    tbs = LoginTBS(PROTOCOL_VERSION, workspace, where[0], pin, nonce, author, 1)  # type: ignore[arg-type]
    c.take(tbs)
    c.refusal(lambda: sign_mifeng(invite.secret_key[:-1], "Login", encode(tbs)))
    c.refusal(lambda: decode(InviteLink, encode(invite)[:-1]))


@cache
def collected(suite_id: int) -> Collected:
    c = Collected()
    sys.setprofile(c.watch)
    try:
        play(c, suite_id)
        play_the_rest(c)
    finally:
        sys.setprofile(None)
    c.secrets = {secret for secret in c.secrets if len(secret) >= 12 and any(secret)}
    return c


# ------------------------------------------------------------------ searching

GRAM = 16
SUITE_IDS = pytest.mark.parametrize("suite_id", [0x0001, 0xF002])


def shapes(secret: bytes) -> Iterable[str]:
    """The beginning of a secret in all the forms in which a program might print it."""
    yield repr(secret)[2:-1]
    yield secret.hex()
    yield secret.hex().upper()
    yield base64.b64encode(secret).decode()
    yield base64.urlsafe_b64encode(secret).decode()
    yield repr(list(secret))[1:-1]
    yield secret.decode("latin-1")


def seen(secrets: Iterable[bytes], shown: str) -> list[int]:
    """Where in a text a secret begins."""
    grams = {shape[:GRAM] for secret in secrets for shape in shapes(secret)}
    return [i for i in range(len(shown)) if shown[i : i + GRAM] in grams]


@SUITE_IDS
def test_no_secret_is_in_what_any_value_or_error_prints(suite_id: int) -> None:
    c = collected(suite_id)
    assert len(c.secrets) > 150
    shown = "\n".join(sorted(c.shown))
    assert "Secret(32 bytes)" in shown
    assert not [shown[max(i - 300, 0) : i + 60] for i in seen(c.secrets, shown)]


def test_the_search_finds_a_secret_that_is_shown() -> None:
    c = collected(0x0001)
    planted = max(c.secrets)
    for shape in shapes(planted):
        assert seen(c.secrets, f"… {shape} …")


def _mentions_secret(hint: Any) -> bool:  # noqa: ANN401
    return hint is Secret or any(_mentions_secret(part) for part in get_args(hint))


def holders() -> set[type]:
    """Every class of the package that declares a secret."""
    found = set[type]()
    for info in pkgutil.walk_packages(mifeng_crypto.__path__, "mifeng_crypto."):
        module = importlib.import_module(info.name)
        for each in vars(module).values():
            if inspect.isclass(each) and each.__module__ == info.name:
                hints = get_type_hints(each)
                if any(map(_mentions_secret, hints.values())):
                    found.add(each)
    return found


@SUITE_IDS
def test_the_story_meets_every_class_that_holds_a_secret(suite_id: int) -> None:
    assert not holders() - collected(suite_id).examples.keys()


def test_whatever_holds_a_secret_cannot_be_pickled() -> None:
    c = collected(0xF002)
    for holder in holders():
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(c.examples[holder])


def test_the_package_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        play(Collected(), 0x0001)
    assert not caplog.records
