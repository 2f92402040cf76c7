"""Approvals: a form, a chain of steps, decisions (protocol.md, "Approvals").

A form carries its own fields, with labels and types, so that what was approved can be read without
the template that it was made from.
"""

from __future__ import annotations

import enum
import re
from typing import Annotated

from mifeng.content.documents.words import (
    check_count,
    check_line,
    check_number,
    check_sorted,
    check_text,
    malformed,
)
from mifeng_crypto.ids import MemberId
from mifeng_crypto.tls import Bytes32, Text, UInt8, UInt16, Vec, Width, struct

__all__ = [
    "CURRENCIES",
    "Amount",
    "Answer",
    "Choice",
    "Date",
    "Decision",
    "Field",
    "FieldKind",
    "FileHash",
    "Form",
    "Number",
    "Passage",
    "PersonId",
    "Range",
    "Rule",
    "Step",
    "Template",
    "Value",
    "Verdict",
    "Withdrawal",
]

MAX_FIELDS = 50
MAX_CHOICES = 50
MAX_STEPS = 20
MAX_APPROVERS = 50
MAX_FILES = 8
_CODES = (
    "AED AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF IDR ILS INR JPY KRW MOP MXN MYR NOK NZD "
    "PHP PLN RUB SAR SEK SGD THB TRY TWD USD VND ZAR"
)
CURRENCIES = frozenset(_CODES.split(" "))
"""ISO 4217 codes that an amount may be in."""


class FieldKind(enum.IntEnum):
    """What a field takes."""

    TEXT = 1
    NUMBER = 2
    AMOUNT = 3
    DATE = 4
    RANGE = 5
    CHOICE = 6
    PERSON = 7
    FILE = 8


@struct
class Field:
    """A field of a form. `choices` are those of a CHOICE, and empty elsewhere."""

    label: Text
    kind: Annotated[FieldKind, Width(1)]
    required: UInt8
    choices: Vec[Text]

    def check(self) -> None:
        """CONTENT-5.

        Raises:
            ProtocolError: it exceeds a limit, or has choices that it should not have.
        """
        check_line(self.label)
        if self.required > 1:
            raise malformed("a field is required or not")
        is_choice = self.kind is FieldKind.CHOICE
        check_count(self.choices, 2 if is_choice else 0, MAX_CHOICES if is_choice else 0)
        for choice in self.choices:
            check_line(choice)


# ------------------------------------------------------------------ what is filled in


@struct(tag=1, tag_bytes=1)
class Passage:
    """A text."""

    text: Text


@struct(tag=2, tag_bytes=1)
class Number:
    """A decimal number, as text in its one form."""

    number: Text


@struct(tag=3, tag_bytes=1)
class Amount:
    """Money: ISO 4217 code, and a decimal number."""

    currency: Text
    number: Text


@struct(tag=4, tag_bytes=1)
class Date:
    """A day, `2026-01-31`."""

    day: Text


@struct(tag=5, tag_bytes=1)
class Range:
    """From a day to a day, both included."""

    first: Text
    last: Text


@struct(tag=6, tag_bytes=1)
class Choice:
    """The place of one of the field's choices."""

    place: UInt16


@struct(tag=7, tag_bytes=1)
class PersonId:
    """A member."""

    member_id: MemberId


@struct(tag=8, tag_bytes=1)
class FileHash:
    """A file that comes with the form, by the hash of its ciphertext."""

    digest: Bytes32


Value = Passage | Number | Amount | Date | Range | Choice | PersonId | FileHash


@struct
class Answer:
    """A field as it was, and what was filled in; None where nothing was."""

    field: Field
    value: Passage | Number | Amount | Date | Range | Choice | PersonId | FileHash | None

    def check(self) -> None:
        """CONTENT-5.

        Raises:
            ProtocolError: the value is not of the field's kind, or is missing.
        """
        self.field.check()
        value = self.value
        if value is None:
            if self.field.required:
                raise malformed("a required field is empty")
            return
        if _KIND_OF[type(value)] is not self.field.kind:
            raise malformed("a value is of another kind than its field")
        _check_value(value, self.field)


def _check_value(value: Value, field: Field) -> None:
    match value:
        case Passage():
            check_text(value.text, empty=False)
        case Number():
            check_number(value.number)
        case Amount():
            if value.currency not in CURRENCIES:
                raise malformed("an amount is in a currency that is not known")
            check_number(value.number)
        case Date():
            _day(value.day)
        case Range():
            if _day(value.first) > _day(value.last):
                raise malformed("a range ends before it begins")
        case Choice():
            if value.place >= len(field.choices):
                raise malformed("a choice is none of the field's")
        case PersonId() | FileHash():
            pass  # who and what it is stands elsewhere


_KIND_OF: dict[type, FieldKind] = {
    Passage: FieldKind.TEXT,
    Number: FieldKind.NUMBER,
    Amount: FieldKind.AMOUNT,
    Date: FieldKind.DATE,
    Range: FieldKind.RANGE,
    Choice: FieldKind.CHOICE,
    PersonId: FieldKind.PERSON,
    FileHash: FieldKind.FILE,
}


_DAY = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")


def _day(text: str) -> str:
    """Check that there is such a day; days sort as their texts do."""
    match = _DAY.fullmatch(text)
    year, month, day = (int(part) for part in match.groups()) if match else (0, 0, 0)
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    length = 30 if month in {4, 6, 9, 11} else 28 + is_leap if month == 2 else 31
    if match is None or year == 0 or day > length:
        raise malformed("a day is written 2026-01-31")
    return text


# ------------------------------------------------------------------ steps, form, decisions


class Rule(enum.IntEnum):
    """Who of a step has to approve."""

    ONE = 1
    ALL = 2
    ANY = 3


@struct
class Step:
    """One person; or all, or any one of several. `approvers` are sorted."""

    rule: Annotated[Rule, Width(1)]
    approvers: Vec[MemberId]

    def check(self) -> None:
        """CONTENT-5.

        Raises:
            ProtocolError: too few or too many people, or one twice.
        """
        is_one = self.rule is Rule.ONE
        check_count(self.approvers, 1 if is_one else 2, 1 if is_one else MAX_APPROVERS)
        check_sorted(self.approvers)


@struct
class Template:
    """What a manager lays down for forms of one kind: fields, and the steps that are proposed."""

    name: Text
    fields: Vec[Field]
    steps: Vec[Step]

    def check(self) -> None:
        """CONTENT-5.

        Raises:
            ProtocolError: it exceeds a limit, or two fields are called the same.
        """
        check_line(self.name)
        check_count(self.fields, 1, MAX_FIELDS)
        for field in self.fields:
            field.check()
        if len({field.label for field in self.fields}) != len(self.fields):
            raise malformed("two fields are called the same")
        check_count(self.steps, 0, MAX_STEPS)
        for step in self.steps:
            step.check()


@struct(tag=3, tag_bytes=2)
class Form:
    """A request: what is asked for, and who decides in which order.

    `template` is the name of what it was made from; it binds nothing, since the fields are here.
    """

    template: Text
    title: Text
    answers: Vec[Answer]
    steps: Vec[Step]
    files: Vec[Bytes32]

    def check(self) -> None:
        """CONTENT-5.

        Raises:
            ProtocolError: it exceeds a limit, or names a file that does not come with it.
        """
        check_line(self.template)
        check_line(self.title)
        check_count(self.answers, 0, MAX_FIELDS)
        for answer in self.answers:
            answer.check()
            if isinstance(answer.value, FileHash) and answer.value.digest not in self.files:
                raise malformed("a field names a file that does not come with the form")
        check_count(self.steps, 1, MAX_STEPS)
        for step in self.steps:
            step.check()
        check_count(self.files, 0, MAX_FILES)


class Verdict(enum.IntEnum):
    """What an approver says."""

    APPROVED = 1
    REJECTED = 2


@struct(tag=4, tag_bytes=2)
class Decision:
    """What an approver says of the form that is the statement's `subject`, in step `step` (0..)."""

    step: UInt8
    verdict: Annotated[Verdict, Width(1)]
    comment: Text

    def check(self) -> None:
        """CONTENT-5.

        Raises:
            ProtocolError: the comment is too long.
        """
        check_text(self.comment)


@struct(tag=5, tag_bytes=2)
class Withdrawal:
    """Its author takes the form back that is the statement's `subject`."""

    def check(self) -> None:
        """There is nothing in it."""
