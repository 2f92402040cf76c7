"""Thirteen steps that two implementations take in one group."""

from __future__ import annotations

from collections.abc import Callable

from tests.interop.company import Company
from tests.interop.peer import Peer, PeerError

KIB = b"Z" * 1024


def run(first: Peer, second: Peer, suite: int) -> dict[str, str]:
    """Take the steps; return each one's outcome: "ok", "-" where a peer lacks it, or what failed.

    Members a.. live in `first`, which creates the group; b.. in `second`.
    """
    company, done = Company(suite), dict[str, str]()
    company.create("a0", first)

    def step(label: str, call: Callable[[], object]) -> None:
        if "failed" in " ".join(done.values()):
            return
        try:
            call()
        except PeerError as err:
            done[label] = "-" if "no command" in str(err) else f"failed: {err}"
        else:
            done[label] = "ok"

    step("add three", lambda: company.add("a0", {"b0": second, "a1": first, "b1": second}))
    step("agree after adding", company.check_agreement)
    step("creator speaks", lambda: company.talk("a0", KIB))
    step("joiner speaks", lambda: company.talk("b0", KIB))
    step("creator updates", lambda: company.update("a0"))
    step("joiner updates", lambda: company.update("b0"))
    step("agree after updates", company.check_agreement)
    step("joiner adds", lambda: company.add("b0", {"a2": first}))
    step("agree after one more", company.check_agreement)
    step("creator removes", lambda: company.remove("a0", "b1"))
    step("joiner removes", lambda: company.remove("b0", "a1"))
    step("agree after removing", company.check_agreement)
    step("all still speak", lambda: company.talk_in_turn(KIB))
    return done
