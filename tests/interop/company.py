"""A group whose members live in different implementations: every verb, and everybody follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.mls.wire.welcome import GroupInfo
from mifeng_crypto.tls import decode
from tests.interop.peer import Peer, PeerError

GROUP_ID = "c0ffee" * 5


@dataclass
class Company:
    """Members by name, each with the peer that keeps its state."""

    suite: int
    members: dict[str, Peer] = field(default_factory=dict)

    def ask(self, name: str, command: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        return self.members[name](command, name=name, **arguments)

    def create(self, name: str, peer: Peer) -> None:
        peer("client", name=name, suite=self.suite)
        peer("create", name=name, group_id=GROUP_ID)
        self.members[name] = peer

    # -------------------------------------------------------------- commits

    def add(self, by: str, new: dict[str, Peer], **how: Any) -> None:  # noqa: ANN401
        packages = []
        for name, peer in new.items():
            peer("client", name=name, suite=self.suite)
            packages.append(peer("key_package", name=name)["data"])
        answer = self.ask(by, "commit_add", key_packages=packages, **how)
        self._spread(by, answer["commit"])
        welcomes = answer.get("welcomes") or [answer["welcome"]]
        for i, (name, peer) in enumerate(new.items()):
            peer("join", name=name, welcome=welcomes[min(i, len(welcomes) - 1)])
            self.members[name] = peer

    def join_from_outside(self, name: str, peer: Peer, host: str) -> None:
        """Let somebody join by an external commit to the GroupInfo of `host`."""
        peer("client", name=name, suite=self.suite)
        info = self.ask(host, "group_info")["data"]
        commit = peer("external_join", name=name, group_info=info)["commit"]
        self._spread(name, commit)
        self.members[name] = peer

    def remove_who_never_came(self, by: str) -> None:
        """Remove the one who was added last and did not join: it is at the leftmost free leaf."""
        taken = {self.ask(name, "state")["own_leaf"] for name in self.members}
        leaf = min(set(range(len(taken) + 1)) - taken)
        self._spread(by, self.ask(by, "commit_remove", leaf=leaf)["commit"])

    def remove(self, by: str, who: str, **how: Any) -> None:  # noqa: ANN401
        leaf = self.ask(who, "state")["own_leaf"]
        commit = self.ask(by, "commit_remove", leaf=leaf, **how)["commit"]
        self._spread(by, commit, removed=who)
        self.members.pop(who)("drop", name=who)

    def update(self, by: str, **how: Any) -> None:  # noqa: ANN401
        self._spread(by, self.ask(by, "commit_update", **how)["commit"])

    def remove_by_proposal(self, by: str, who: str, committer: str, **how: Any) -> None:  # noqa: ANN401
        """Let `by` propose to remove `who`, and `committer` commit that by reference."""
        leaf = self.ask(who, "state")["own_leaf"]
        proposal = self.ask(by, "propose_remove", leaf=leaf, **how)["data"]
        for name in self.members:
            if name != by and self.ask(name, "process", message=proposal)["kind"] != "proposal":
                raise PeerError(f"{name} did not take a proposal for one")
        self._spread(committer, self.ask(committer, "commit_update")["commit"], removed=who)
        self.members.pop(who)("drop", name=who)

    def _spread(self, by: str, commit: str, removed: str | None = None) -> None:
        for name in self.members:
            if name != by:
                kind = self.ask(name, "process", message=commit)["kind"]
                due = "removed" if name == removed else "commit"
                if kind != due:
                    raise PeerError(f"{name} took a commit for a {kind} instead of a {due}")

    # -------------------------------------------------------------- messages

    def talk(self, by: str, data: bytes) -> None:
        """Send one message; everybody else reads it."""
        message = self.ask(by, "encrypt", data=data.hex())["data"]
        for name in self.members:
            if name != by:
                answer = self.ask(name, "decrypt", message=message)
                if answer["data"] != data.hex():
                    raise PeerError(f"{name} reads something else than {by} wrote")

    def talk_in_turn(self, data: bytes) -> None:
        for name in tuple(self.members):
            self.talk(name, data)

    # -------------------------------------------------------------- agreement

    def check_agreement(self) -> int:
        """Compare epochs, members and secrets; return how many members' secrets were compared.

        Where an implementation shows no secret, its signed GroupInfo shows that it has the same:
        the confirmation tag in it is a MAC under the epoch's key.
        """
        states = {name: self.ask(name, "state") for name in self.members}
        self._check_equal({n: (s["epoch"], s["members"]) for n, s in states.items()}, "epochs")
        secrets, tags = {}, {}
        for name, state in states.items():
            if "epoch_authenticator" in state:
                exported = self.ask(name, "export", label="interop", context="00", length=48)
                secrets[name] = (state["epoch_authenticator"], exported["secret"])
            if self.members[name].name != "ts-mls":
                tags[name] = self._confirmation_tag(name)
        self._check_equal(secrets, "secrets")
        self._check_equal(tags, "confirmation tags")
        return len(secrets.keys() | tags.keys())

    def _confirmation_tag(self, name: str) -> bytes:
        info = decode(MLSMessage, bytes.fromhex(self.ask(name, "group_info")["data"])).message
        assert isinstance(info, GroupInfo), "a group_info is one"
        return info.confirmation_tag

    @staticmethod
    def _check_equal(values: dict[str, Any], what: str) -> None:
        if len(set(values.values())) > 1:
            raise PeerError(f"{what} differ between members")
