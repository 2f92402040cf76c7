"""Where the time goes in a group of 1,000: a sample of the stack every few milliseconds.

A sample belongs to the innermost frame that is one of ours: what a library does for `kem.py` is
public-key encryption. Sampling costs next to nothing, so that the shares are those of a plain run.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import PurePath
from types import FrameType

from bench.figure import Figure
from bench.mls_scene import Member, Scene
from mifeng_crypto.suite import SUITES

__all__ = ["measure"]

SIZE = 1000
SECONDS = 2.0
EVERY_S = 0.004
KINDS = ("signatures", "HPKE", "hashes, KDF", "AEAD", "codec", "rest")
_BY_FILE = {
    "signature": "signatures",
    "kem": "HPKE",
    "hpke": "HPKE",
    "tls": "codec",
    "kinds": "codec",
}
_BY_METHOD = {  # of suite.py, through which all of these go
    **dict.fromkeys(("hash", "mac", "verify_mac", "extract", "expand"), "hashes, KDF"),
    **dict.fromkeys(("aead_seal", "aead_open"), "AEAD"),
}


def measure() -> Iterator[Figure]:
    """Take both suites."""
    for number in (0x0001, 0xF002):
        suite = SUITES[number]
        scene = Scene([Member.number(i, suite) for i in range(SIZE)])
        verbs = chain(scene.beginning(), scene.commits(), scene.messages(), scene.loading())
        for row, act in verbs:
            each_ms, shares = _sampled(act)
            table = f"Where the time goes, {SIZE:,} members, suite 0x{number:04x}"
            yield Figure(table=table, row=row, column="ms", value=each_ms, unit="and %")
            for kind in KINDS:
                share = 100 * shares[kind] / max(shares.total(), 1)
                yield Figure(table=table, row=row, column=kind, value=round(share), unit="and %")


def _sampled(act: Callable[[], object]) -> tuple[float, Counter[str]]:
    """Repeat `act` for a while; return milliseconds of one run, and samples by kind."""
    shares = Counter[str]()
    act()
    before = signal.signal(signal.SIGPROF, lambda _, frame: shares.update((_kind(frame),)))
    signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)
    began, runs = time.process_time(), 0
    try:
        while time.process_time() - began < SECONDS:
            act()
            runs += 1
        took = time.process_time() - began
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return took / runs * 1000, shares


def _kind(frame: FrameType | None) -> str:
    while frame is not None:
        path, name = PurePath(frame.f_code.co_filename), frame.f_code.co_name
        kind = None
        if path.parent.name == "wire":
            kind = "codec"
        elif path.parent.name == "mifeng_crypto" and path.stem == "suite":
            kind = _BY_METHOD.get(name)
        elif path.parent.name == "mifeng_crypto" and (path.stem, name) != ("kem", "extract"):
            kind = _BY_FILE.get(path.stem)  # but for `extract`, which serves both
        if kind is not None:
            return kind
        frame = frame.f_back
    return "rest"
