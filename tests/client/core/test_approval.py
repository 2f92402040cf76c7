"""Approvals: a chain of steps, each decision on this very form, the same state on every device."""

from __future__ import annotations

import dataclasses
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mifeng.content.documents import Decision, Form, Reminder, Template, Withdrawal, hash_statement
from mifeng.content.documents.approval import (
    Amount,
    Answer,
    Choice,
    Date,
    Field,
    FieldKind,
    FileHash,
    Number,
    Passage,
    Range,
    Rule,
    Step,
    Value,
    Verdict,
)
from mifeng.core.approval import Requested, Standing
from mifeng.core.timeline import Line, Timeline
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import MemberId
from tests.client.core.scroll import ADA, BO, CY, UNIT, WORKSPACE, Scroll

DI, EM = MemberId(b"\x0d" * 16), MemberId(b"\x0e" * 16)
REASON = Field("Reason", FieldKind.TEXT, 1, ())
ONE, ALL, ANY = Rule.ONE, Rule.ALL, Rule.ANY
CHAIN = (Step(ONE, (BO,)), Step(ALL, (CY, DI)), Step(ANY, (DI, EM)))
FORM = Form("leave", "Two days off", (Answer(REASON, Passage("a wedding")),), CHAIN, ())


@dataclasses.dataclass
class Case:
    """One request in a scroll, and who says what of it."""

    scroll: Scroll = dataclasses.field(default_factory=Scroll)

    def __post_init__(self) -> None:
        statement = self.scroll.statement(ADA, FORM)
        self.hash = hash_statement(statement)
        self.named = self.scroll.say(ADA, statement)

    def decide(
        self, by: MemberId, step: int, verdict: Verdict = Verdict.APPROVED, **bent: bytes
    ) -> None:
        subject = bent.get("subject", self.hash)
        statement = self.scroll.statement(by, Decision(step, verdict, ""), subject)
        self.scroll.say(by, statement, self.named)

    def withdraw(self, by: MemberId) -> None:
        self.scroll.say(by, self.scroll.statement(by, Withdrawal(), self.hash), self.named)

    @property
    def state(self) -> Requested:
        return state_of(self.scroll.lines()[0])

    @property
    def rules(self) -> list[str]:
        return [line.rule for line in self.scroll.lines()[1:]]


def state_of(line: Line) -> Requested:
    assert isinstance(line.state, Requested)
    return line.state


def test_one_then_all_then_any_and_it_is_approved() -> None:
    case = Case()
    expected = [(BO,), (CY, DI), (DI,), (DI, EM)]
    for waiting, (by, step) in zip(expected, [(BO, 0), (CY, 1), (DI, 1), (EM, 2)], strict=True):
        assert case.state.waiting_for == waiting
        assert case.state.standing is Standing.PENDING
        case.decide(by, step)
    assert (case.state.standing, case.state.waiting_for) == (Standing.APPROVED, ())
    assert [one.by for one in case.state.decided] == [BO, CY, DI, EM]
    assert case.rules == []


def test_a_rejection_ends_it() -> None:
    case = Case()
    case.decide(BO, 0)
    case.decide(DI, 1, Verdict.REJECTED)
    case.decide(CY, 1)
    assert case.state.standing is Standing.REJECTED
    assert case.rules == ["APPROVAL-2"]


def test_a_decision_on_another_forms_hash_is_named_approval_1() -> None:
    case = Case()
    case.decide(BO, 0, subject=bytes(32))
    assert (case.state.step, case.rules) == (0, ["APPROVAL-1"])


def test_a_decision_after_withdrawal_is_named_approval_2() -> None:
    case = Case()
    case.withdraw(ADA)
    case.decide(BO, 0)
    case.withdraw(ADA)
    assert case.state.standing is Standing.WITHDRAWN
    assert case.rules == ["APPROVAL-2", "APPROVAL-2"]


def test_a_decision_out_of_turn_is_named_approval_3() -> None:
    case = Case()
    case.decide(CY, 1)
    assert (case.state.step, case.rules) == (0, ["APPROVAL-3"])


def test_a_decision_by_somebody_who_is_not_in_the_step_is_named_approval_4() -> None:
    case = Case()
    for who in (CY, ADA):
        case.decide(who, 0)
    assert (case.state.step, case.rules) == (0, ["APPROVAL-4", "APPROVAL-4"])


def test_who_decides_twice_is_named_approval_5() -> None:
    case = Case()
    case.decide(BO, 0)
    case.decide(CY, 1)
    case.decide(CY, 1, Verdict.REJECTED)
    assert case.state.waiting_for == (DI,)
    assert case.rules == ["APPROVAL-5"]


def test_only_who_asked_withdraws_and_reminds_approval_6() -> None:
    case = Case()
    case.withdraw(BO)
    case.scroll.say(BO, Reminder((CY,)), case.named)
    case.scroll.say(ADA, Reminder((BO,)), case.named)
    assert case.state.standing is Standing.PENDING
    assert case.state.reminded == {BO: case.scroll.now}
    assert case.rules == ["APPROVAL-6", "APPROVAL-6"]


def test_a_form_is_neither_edited_nor_deleted() -> None:
    case = Case()
    case.scroll.post(ADA, "ten days off", replaces=case.named)
    case.scroll.delete(ADA, case.named)
    assert case.state.form == FORM
    assert case.rules == ["TIMELINE-3", "TIMELINE-3"]


def test_of_decisions_that_cross_the_first_in_the_log_counts() -> None:
    for first, second in itertools.permutations([(DI, Verdict.APPROVED), (EM, Verdict.REJECTED)]):
        case = Case()
        for who, step in ((BO, 0), (CY, 1), (DI, 1)):
            case.decide(who, step)
        case.decide(first[0], 2, first[1])
        case.decide(second[0], 2, second[1])
        approved = first[1] is Verdict.APPROVED
        assert case.state.standing is (Standing.APPROVED if approved else Standing.REJECTED)
        assert case.rules == ["APPROVAL-2"]


PEOPLE = (ADA, BO, CY, DI, EM)
ACT = st.tuples(
    st.sampled_from(("approve",) * 4 + ("reject", "withdraw", "other form")), st.integers(0, 3)
)
OF_EACH = st.tuples(*(st.lists(ACT, max_size=4) for _ in PEOPLE))
"""What each does, in an order of their own."""


def expected(acts: list[tuple[MemberId, str, int]]) -> tuple[Standing, list[MemberId], list[str]]:
    """The rules once more, as a person would go through a pile of paper.

    Returns:
        What became of it, whose word counted, and the rule that each other one breaks.
    """
    standing, step = Standing.PENDING, 0
    stamps: list[set[MemberId]] = [set() for _ in CHAIN]
    counted, refused = list[MemberId](), list[str]()
    for who, act, at in acts:
        if act == "other form":
            refused.append("APPROVAL-1")
        elif standing is not Standing.PENDING:
            refused.append("APPROVAL-2")
        elif act == "withdraw" and who != ADA:
            refused.append("APPROVAL-6")
        elif act == "withdraw":
            counted.append(who)
            standing = Standing.WITHDRAWN
        elif at != step:
            refused.append("APPROVAL-3")
        elif who not in CHAIN[step].approvers:
            refused.append("APPROVAL-4")
        elif who in stamps[step]:
            refused.append("APPROVAL-5")
        else:
            counted.append(who)
            stamps[step].add(who)
            if act == "reject":
                standing = Standing.REJECTED
            elif len(stamps[step]) == (2 if CHAIN[step].rule is ALL else 1):
                step += 1
                standing = Standing.APPROVED if step == len(CHAIN) else Standing.PENDING
    return standing, counted, refused


@given(OF_EACH, st.randoms(use_true_random=False), st.lists(st.integers(1, 5), min_size=3))
@settings(max_examples=150)
def test_any_interleaving_gives_the_same_state_on_every_device(
    of_each: tuple[list[tuple[str, int]], ...], order: random.Random, batches: list[int]
) -> None:
    turns = [who for who, acts in zip(PEOPLE, of_each, strict=True) for _ in acts]
    order.shuffle(turns)
    left = {who: iter(acts) for who, acts in zip(PEOPLE, of_each, strict=True)}
    acts = [(who, *next(left[who])) for who in turns]
    case = Case()
    for who, act, at in acts:
        if act == "withdraw":
            case.withdraw(who)
        elif act == "other form":
            case.decide(who, at, subject=bytes(32))
        else:
            case.decide(who, at, Verdict.APPROVED if act == "approve" else Verdict.REJECTED)
    state = case.state
    assert (state.standing, [one.by for one in state.decided], case.rules) == expected(acts)
    for step in batches:  # devices that hear of it in pieces of other sizes
        device = Timeline(WORKSPACE, UNIT)
        for start in range(0, len(case.scroll.rows), step):
            device.extend(case.scroll.rows[start : start + step])
            device.extend(case.scroll.rows[:start])  # and of some of it twice
        assert device.lines() == case.scroll.lines()


def answer(kind: FieldKind, value: Value | None, *choices: str, required: int = 1) -> Answer:
    return Answer(Field("x", kind, required, choices), value)


GOOD = [
    answer(FieldKind.NUMBER, Number("-12.5")),
    answer(FieldKind.AMOUNT, Amount("CNY", "199.90")),
    answer(FieldKind.DATE, Date("2026-02-28")),
    answer(FieldKind.RANGE, Range("2026-02-28", "2026-03-01")),
    answer(FieldKind.CHOICE, Choice(1), "a", "b"),
    answer(FieldKind.TEXT, None, required=0),
]
BAD = {
    "a wrong currency": answer(FieldKind.AMOUNT, Amount("XXX", "1")),
    "300 digits": answer(FieldKind.AMOUNT, Amount("CNY", "9" * 300)),
    "not a number": answer(FieldKind.NUMBER, Number("1e9")),
    "another form of a number": answer(FieldKind.NUMBER, Number("01")),
    "no day": answer(FieldKind.DATE, Date("2026-02-30")),
    "a day in another form": answer(FieldKind.DATE, Date("20260228")),
    "a range backwards": answer(FieldKind.RANGE, Range("2026-03-01", "2026-02-28")),
    "a choice that is not there": answer(FieldKind.CHOICE, Choice(2), "a", "b"),
    "another kind than its field": answer(FieldKind.TEXT, Number("1")),
    "nothing where something must be": answer(FieldKind.TEXT, None),
    "choices of a text": answer(FieldKind.TEXT, Passage("x"), "a", "b"),
    "a file that is not there": answer(FieldKind.FILE, FileHash(bytes(32))),
    "a label that turns the writing": Answer(
        Field("a\u202eb", FieldKind.TEXT, 0, ()), Passage("x")
    ),
}


@pytest.mark.parametrize("good", GOOD)
def test_what_a_field_takes_is_taken(good: Answer) -> None:
    scroll = Scroll()
    scroll.say(ADA, scroll.statement(ADA, dataclasses.replace(FORM, answers=(good,))))
    assert state_of(scroll.lines()[0]).form.answers == (good,)


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_what_a_field_does_not_take_is_refused_by_name(bad: Answer) -> None:
    scroll = Scroll()
    with pytest.raises(ProtocolError, match="CONTENT-5"):
        scroll.say(ADA, scroll.statement(ADA, dataclasses.replace(FORM, answers=(bad,))))


STEPS = {
    "none": (),
    "nobody in it": (Step(ANY, ()),),
    "one that is two": (Step(ONE, (BO, CY)),),
    "any that is one": (Step(ANY, (BO,)),),
    "the same twice": (Step(ALL, (BO, BO)),),
    "oneself": (Step(ONE, (ADA,)),),
    "too many": tuple(Step(ONE, (BO,)) for _ in range(21)),
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_a_chain_that_is_none_is_refused_by_name(steps: tuple[Step, ...]) -> None:
    scroll = Scroll()
    with pytest.raises(ProtocolError, match="CONTENT-5"):
        scroll.say(ADA, scroll.statement(ADA, dataclasses.replace(FORM, steps=steps)))


def test_a_template_with_10_000_fields_is_refused_by_name() -> None:
    fields = tuple(Field(f"f{n}", FieldKind.TEXT, 0, ()) for n in range(10_000))
    with pytest.raises(ProtocolError, match="CONTENT-5"):
        Scroll().say(ADA, Template("big", fields, ()))
    twice = (REASON, REASON)
    with pytest.raises(ProtocolError, match="CONTENT-5"):
        Scroll().say(ADA, Template("twice", twice, ()))
