"""A unit with Ada, Bo and Cy, whose server accepts what it likes and whose members do not."""

from __future__ import annotations

from mifeng_crypto.gate import UnitView
from mifeng_crypto.ids import DeviceId
from mifeng_crypto.log import EntryKind
from mifeng_crypto.mls.group import PendingCommit
from tests.attacks.adversary import ATTACKED, Adversary
from tests.attacks.auditor import check_refused_entry
from tests.support.company import Company, Person
from tests.support.unit import Unit

__all__ = ["Stage"]


class Stage:
    """Everybody's gate is the real one; `tests.support.unit` says how."""

    def __init__(self, adversary: Adversary) -> None:
        self.adversary = adversary
        self.company = Company("attacks")
        self.unit = Unit(self.company)
        self.ada = self.company.ada
        self.bo, self.cy = self.company.hire("Bo"), self.company.hire("Cy")
        self.unit.add(self.bo, self.cy)

    def welcome(self, name: str) -> Person:
        """Hire and grant somebody, who is not committed in yet."""
        who = self.company.hire(name)
        self.company.grant(self.unit.unit_id, who)
        self.unit.write_heads()
        return who

    def commits(self, by: Person, pending: PendingCommit, *rules: str) -> None:
        """A commit that the server takes without a look; everybody else looks."""
        before = self.unit.server
        self.unit.accept_commit(pending.message, by.device_id, force=self.adversary.on)
        self.judge(before, rules, but=by)

    def enters(self, kind: EntryKind, content: bytes, device_id: DeviceId, *rules: str) -> None:
        """Bytes that the server puts into the log as they are."""
        before = self.unit.server
        self.unit.append(kind, content, device_id)
        self.judge(before, rules, but=None)

    def posts(self, by: Person, content: bytes, *rules: str) -> None:
        """A message that the server takes without a look."""
        before = self.unit.server
        self.unit.accept_message(content, by.device_id, force=self.adversary.on)
        self.judge(before, rules, but=by)

    def judge(self, before: UnitView, rules: tuple[str, ...], *, but: Person | None) -> None:
        """O2, O3: every honest member refuses the last entry; then the server takes it back."""
        if not self.adversary.on:
            self.unit.sync()
            return
        entry = self.unit.entries[-1]
        for member in list(self.unit.members.values()):
            if member.who == but or member.epoch is None:
                continue
            held = member.epoch, member.view, list(member.read)
            with self.adversary.refused(*rules):
                self.unit.apply(member, entry)
            assert (member.epoch, member.view, member.read) == held, "O3: the victim has changed"
        if self.adversary.run == ATTACKED:
            check_refused_entry(self.unit, entry, self.adversary.refused_by[-1])  # O6
        self.unit.entries.pop()
        self.unit.server = before

    def goes_on(self) -> None:
        """O5: whoever is in can talk to everybody who is."""
        self.unit.write_heads()
        self.unit.everyone_can_message_everyone()
