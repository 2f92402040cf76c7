"""A malicious member's client: it signs, encrypts and confirms whatever it is told.

`Insider` lets the forgers of the negative vectors (`tests.vectors_own.mallory`) work for a member
of a unit; `tests.support.peer.Peer` is the same against a whole server.
"""

from __future__ import annotations

from dataclasses import replace

from mifeng_crypto.mls.group import Epoch, LeafIndex
from mifeng_crypto.mls.wire.framing import FramedContent
from mifeng_crypto.mls.wire.proposal import Proposal
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite
from tests.support.company import Person
from tests.support.rng import SeededRng
from tests.support.unit import Unit
from tests.vectors_own.mallory import AS_DUE, Forged, Frame, Path, forge_commit

__all__ = ["Insider"]


class Insider:
    """A member of a unit, as the forgers want one."""

    def __init__(self, unit: Unit, who: Person) -> None:
        self.unit, self.who = unit, who
        self.key: Secret = who.key
        self.rng: SeededRng = unit.company.rng

    @property
    def now(self) -> Epoch:
        epoch = self.unit.of(self.who).epoch
        assert epoch is not None, "an insider is in"
        return epoch

    @property
    def suite(self) -> Suite:
        return self.now.public.suite

    @property
    def leaf(self) -> LeafIndex:
        return self.now.own_leaf

    def commit(
        self, *proposals: Proposal, path: Path | None = AS_DUE, frame: Frame | None = None
    ) -> Forged:
        """Commit anything; what it says of ledgers and log is honest."""
        said = self.unit.said_by_commit(self.who)
        frame = frame or Frame()
        edit = frame.content

        def content(made: FramedContent) -> FramedContent:
            return edit(replace(made, authenticated_data=said))

        return forge_commit(self, *proposals, path=path, frame=replace(frame, content=content))  # type: ignore[arg-type]
