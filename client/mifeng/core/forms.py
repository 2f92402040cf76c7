"""Templates that every unit has, and filling them in (protocol.md, "Approvals")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

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
    PersonId,
    Range,
    Rule,
    Step,
    Template,
    Value,
)
from mifeng_crypto.errors import UsageError
from mifeng_crypto.ids import MemberId

__all__ = ["STANDARD", "answers_of", "template_facts", "template_from"]


def _field(label: str, kind: FieldKind, *choices: str, required: bool = True) -> Field:
    return Field(label, kind, int(required), choices)


_TEMPLATES = (
    Template(
        "leave",
        (
            _field("kind", FieldKind.CHOICE, "annual", "sick", "personal", "other"),
            _field("days", FieldKind.RANGE),
            _field("reason", FieldKind.TEXT, required=False),
        ),
        (),
    ),
    Template(
        "expense",
        (
            _field("amount", FieldKind.AMOUNT),
            _field("day", FieldKind.DATE),
            _field("purpose", FieldKind.TEXT),
            _field("receipt", FieldKind.FILE, required=False),
        ),
        (),
    ),
    Template(
        "purchase",
        (
            _field("item", FieldKind.TEXT),
            _field("amount", FieldKind.AMOUNT),
            _field("reason", FieldKind.TEXT),
        ),
        (),
    ),
    Template("free", (_field("text", FieldKind.TEXT),), ()),
)
STANDARD: Mapping[str, Template] = {template.name: template for template in _TEMPLATES}


def answers_of(
    template: Template, filled: Mapping[str, str], files: Mapping[str, bytes]
) -> tuple[Answer, ...]:
    """Return a template's fields with what was filled in, as text.

    Args:
        template: whose.
        filled: text by label.
        files: hashes of the files that come along, by name.

    Raises:
        UsageError: there is no such field, or a text is no value of it.
    """
    labels = [field.label for field in template.fields]
    for label in filled:
        if label not in labels:
            raise UsageError(
                "there is no field {label}; there are: {labels}",
                label=label,
                labels=", ".join(labels),
            )
    return tuple(
        Answer(field, _value(field, filled.get(field.label, ""), files))
        for field in template.fields
    )


def _value(field: Field, text: str, files: Mapping[str, bytes]) -> Value | None:
    if not text:
        if field.required:
            raise UsageError("{label} must be filled in", label=field.label)
        return None
    made: Value | None = None
    match field.kind:
        case FieldKind.TEXT:
            made = Passage(text)
        case FieldKind.NUMBER:
            made = Number(text)
        case FieldKind.AMOUNT if match := re.fullmatch(r"([A-Z]{3}) ?(\S+)", text):
            made = Amount(match[1], match[2])
        case FieldKind.DATE:
            made = Date(text)
        case FieldKind.RANGE if text.count("..") == 1:
            made = Range(*text.split(".."))
        case FieldKind.CHOICE if text in field.choices:
            made = Choice(field.choices.index(text))
        case FieldKind.PERSON if re.fullmatch(r"[0-9a-f]{32}", text):
            made = PersonId(MemberId(bytes.fromhex(text)))
        case FieldKind.FILE if text in files:
            made = FileHash(files[text])
    if made is None:
        hint = ", ".join(field.choices) or _HINTS.get(field.kind, "")
        raise UsageError(
            "{text} is no value of {label}: {hint}", text=text, label=field.label, hint=hint
        )
    return made


_HINTS = {
    FieldKind.AMOUNT: "CNY 12.50",
    FieldKind.RANGE: "2026-01-30..2026-02-02",
    FieldKind.PERSON: "a member id",
    FieldKind.FILE: "the name of a file that comes along",
}


def template_facts(template: Template) -> dict[str, Any]:
    """Return a template as plain values: what `template_from` reads."""
    return {
        "name": template.name,
        "fields": [
            {
                "label": field.label,
                "kind": field.kind.name.lower(),
                "required": bool(field.required),
                "choices": list(field.choices),
            }
            for field in template.fields
        ],
        "steps": [
            {"rule": step.rule.name.lower(), "approvers": [who.hex() for who in step.approvers]}
            for step in template.steps
        ],
    }


def template_from(facts: Any) -> Template:  # noqa: ANN401 - whatever stands in a JSON file
    """Read a template from plain values.

    Raises:
        UsageError: it is none.
    """
    try:
        fields = tuple(
            Field(
                one["label"],
                FieldKind[one["kind"].upper()],
                int(bool(one.get("required", True))),
                tuple(one.get("choices", ())),
            )
            for one in facts["fields"]
        )
        steps = tuple(
            Step(
                Rule[one["rule"].upper()],
                tuple(sorted(MemberId(bytes.fromhex(who)) for who in one["approvers"])),
            )
            for one in facts.get("steps", ())
        )
        return Template(facts["name"], fields, steps)
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        raise UsageError("this is no template; see docs/cli.md for one") from err
