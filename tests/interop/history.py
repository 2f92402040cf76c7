"""A random history in one group of two implementations; the seed repeats it."""

from __future__ import annotations

import random
from collections import Counter

from tests.interop.company import Company
from tests.interop.peer import Peer, PeerError

MEMBERS = 5
FEWEST, MOST = 3, 7
CHECK_EVERY = 20
CHANCES = {
    "message": 4,
    "update": 3,
    "add": 2,
    "remove": 1,
    "remove by proposal": 1,
    "join from outside": 1,
    "store and load": 1,
}
# ts-mls 1.6.4 wants all nodes above an unmerged leaf to have equal lists, those included that were
# set after the leaf came; section 12.4.3.1 says that of the nodes below the list only.
FAULT_OF_TS_MLS = "non-blank intermediate node must list leaf node in its unmerged_leaves"


class History:
    """A company, chance, and what was done."""

    def __init__(self, first: Peer, second: Peer, suite: int, seed: int) -> None:
        self.peers, self.rng = (first, second), random.Random(seed)
        self.company, self.done, self.names = Company(suite), Counter[str](), 0
        # rine takes commits only, and only as PublicMessages.
        self.may_be_private = self.may_propose = "rine" not in (first.name, second.name)
        self.company.create(self.name(), first)
        newcomers = {self.name(): self.peers[i % 2] for i in range(1, MEMBERS)}
        self.company.add("m0", newcomers)

    def name(self) -> str:
        self.names += 1
        return f"m{self.names - 1}"

    def step(self) -> None:
        """Let somebody do something that it can."""
        by = self.rng.choice(tuple(self.company.members))
        others = [name for name in self.company.members if name != by]
        what = self.possible(self.rng.choices(tuple(CHANCES), tuple(CHANCES.values()))[0], by)
        how = {"private": True} if self.may_be_private and self.rng.random() < 0.3 else {}
        match what:
            case "message":
                self.company.talk(by, self.rng.randbytes(self.rng.randrange(1, 3000)))
            case "update":
                self.company.update(by, **how)
            case "add":
                self.add(by, how)
            case "remove":
                self.company.remove(by, self.rng.choice(others), **how)
            case "remove by proposal":
                who, committer = self.rng.sample(others, 2)
                self.company.remove_by_proposal(by, who, committer, **how)
            case "join from outside":
                guest = self.rng.choice([peer for peer in self.peers if peer.name != "ts-mls"])
                self.company.join_from_outside(self.name(), guest, by)
            case _:
                self.store_and_load(by)
        self.done[what] += 1

    def possible(self, what: str, by: str) -> str:
        """Return `what`, or something like it that this peer offers and this group allows."""
        peer, members = self.company.members[by].name, len(self.company.members)
        if what == "update" and peer == "rine":
            return "message"
        if what == "join from outside" and peer == "ts-mls":
            return "update"  # its external_pub has no length in front
        if what in ("add", "join from outside"):
            return what if members < MOST else "remove"
        if what.startswith("remove") and members <= FEWEST:
            return "add"
        if what == "remove by proposal" and not self.may_propose:
            return "remove"
        return what

    def add(self, by: str, how: dict[str, bool]) -> None:
        try:
            self.company.add(by, {self.name(): self.rng.choice(self.peers)}, **how)
        except PeerError as err:
            if FAULT_OF_TS_MLS not in str(err):
                raise
            self.company.remove_who_never_came(by)
            self.done["valid tree refused by ts-mls"] += 1

    def store_and_load(self, name: str) -> None:
        peer = self.company.members[name]
        if peer.name == "mifeng":
            peer("save", name=name)
            peer("load", name=name)
        else:
            peer("save_and_load", name=name)


def run(first: Peer, second: Peer, suite: int, *, steps: int, seed: int) -> Counter[str]:
    """Begin with five members, let chance decide `steps` times, and end in agreement.

    Returns:
        How often each thing was done.

    Raises:
        PeerError: two implementations do not agree.
    """
    history = History(first, second, suite, seed)
    for at in range(steps):
        history.step()
        if at % CHECK_EVERY == 0:
            history.company.check_agreement()
    history.company.check_agreement()
    history.company.talk_in_turn(b"the end")
    return history.done
