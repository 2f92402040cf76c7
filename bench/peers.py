"""Other MLS implementations, on the same machine in the same run, by the same script.

They run through the drivers of tests/interop, this project too: what is measured is the call of
the library alone. A verb is repeated until it has taken long enough; the median counts. Where a
peer's commit always has a path, its commits that only add have one too.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Iterator
from typing import Any

from bench.figure import Figure
from tests.interop.peer import Peer, PeerError, missing

__all__ = ["measure"]

SIZE = 1000
OURS, OTHERS = "mifeng", ("rine", "ts-mls")
# For X-Wing there is no common number.
SUITES = {
    "suite 0x0001": {OURS: 0x0001, "rine": 0x0001, "ts-mls": 0x0001},
    "X-Wing": {OURS: 0xF002, "rine": 0xF057, "ts-mls": 83},
}
GROUP_ID = "c0ffee" * 5
TEXT = bytes(1024).hex()
ENOUGH_MS = 2000
Sample = tuple[str, float]
Answer = dict[str, Any]


def measure() -> Iterator[Figure]:
    """Run the script with everybody who is installed, and compare."""
    for suite, numbers in SUITES.items():
        table = f"Peers: {SIZE:,} members, {suite}, blank tree"
        ours = _run(OURS, numbers[OURS])
        yield from _row(table, OURS, "ms", ours)
        for name in OTHERS:
            if missing(name) is not None:
                yield Figure(table=table, row=f"{name}: not installed", column="key package",
                             value=None, unit="")  # fmt: skip
                continue
            theirs = _run(name, numbers[name])
            yield from _row(table, name, "ms", theirs)
            ratios = {verb: theirs[verb] / ours[verb] for verb in theirs if verb in ours}
            yield from _row(table, f"{name} : {OURS}", "x", ratios)


def _row(table: str, row: str, unit: str, values: dict[str, float]) -> Iterator[Figure]:
    for column, value in values.items():
        yield Figure(table=table, row=row, column=column, value=value, unit=unit)


def _run(name: str, suite: int) -> dict[str, float]:
    with Peer(name) as peer:
        return dict(_script(peer, suite))


def _script(peer: Peer, suite: int) -> Iterator[Sample]:
    members = [f"m{i}" for i in range(1, SIZE)]
    for member in members:
        peer("client", name=member, suite=suite)
    made = [peer("key_package", name=member) for member in members]
    packages = [answer["data"] for answer in made]
    yield "key package", statistics.median(answer["ms"] for answer in made)

    # Several founders, because there is only one first commit; each has another one join it.
    adds, joins = list[float](), list[float]()
    while len(adds) < 3 and sum(adds) < ENOUGH_MS:
        founder, joiner = f"founder{len(adds)}", members[-1 - len(adds)]
        peer("client", name=founder, suite=suite)
        peer("create", name=founder, group_id=GROUP_ID)
        at = {"only": -1 - len(adds)} if peer.name == "rine" else {}  # it makes one for each
        added = peer("commit_add", name=founder, key_packages=packages, **at)
        welcome = added.get("welcome") or added["welcomes"][0]
        adds.append(added["ms"])
        joins.append(peer("join", name=joiner, welcome=welcome)["ms"])
    yield f"add {SIZE - 1:,}", statistics.median(adds)
    yield "commit kB", len(added["commit"]) / 2000
    yield "Welcome kB", len(welcome) / 2000
    yield "join", statistics.median(joins)

    def both(verb: str, send: Callable[[int], Answer]) -> Iterator[Sample]:
        return _both_sides(verb, send, lambda m: peer("process", name=joiner, message=m))

    def add(n: int) -> Answer:
        peer("client", name=f"new{n}", suite=suite)
        package = peer("key_package", name=f"new{n}")["data"]
        without = {"path": False} if peer.name == OURS else {}
        return peer("commit_add", name=founder, key_packages=[package], **without)

    yield from both("add one", add)
    yield from both("remove", lambda n: peer("commit_remove", name=founder, leaf=SIZE // 2 + n))
    with contextlib.suppress(PeerError):  # rine has no update without another change
        yield from both("update", lambda _: peer("commit_update", name=founder))
    sent = [peer("encrypt", name=founder, data=TEXT) for _ in range(200)]
    read = [peer("decrypt", name=joiner, message=answer["data"]) for answer in sent]
    yield "encrypt", statistics.median(answer["ms"] for answer in sent)
    yield "decrypt", statistics.median(answer["ms"] for answer in read)


def _both_sides(
    verb: str, send: Callable[[int], Answer], process: Callable[[str], Answer]
) -> Iterator[Sample]:
    sent, processed = list[float](), list[float]()
    while len(sent) < 7 and sum(sent) + sum(processed) < ENOUGH_MS:
        answer = send(len(sent))
        sent.append(answer["ms"])
        processed.append(process(answer["commit"])["ms"])
    yield f"{verb}: create", statistics.median(sent)
    yield f"{verb}: process", statistics.median(processed)
