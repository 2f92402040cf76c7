"""Approvals: request, approve, reject, withdraw, list, templates, export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mifeng.cli.acting import act_in
from mifeng.cli.command import App
from mifeng.cli.named import MessageNumber, UnitName
from mifeng.cli.options import opened, options, run
from mifeng.text import _
from mifeng_crypto.errors import UsageError

if TYPE_CHECKING:
    from mifeng import Message, Person, Unit, Workspace
    from mifeng.core.proof import ProvenApproval

__all__ = ["add_to", "print_if_proof"]

Comment = Annotated[str, typer.Option(help=_("What you have to say about it."))]


def add_to(app: typer.Typer) -> None:
    """Declare these commands."""
    approval = App(
        help=_("Approvals: a form, and who decides in which order."), no_args_is_help=True
    )
    approval.command(help=_("Ask for an approval."))(request)
    approval.command(help=_("Approve a request in its present step."))(approve)
    approval.command(help=_("Reject a request; that ends it."))(reject)
    approval.command(help=_("Take a request of yours back."))(withdraw)
    approval.command("list", help=_("List what waits for you, or what you have asked for."))(
        list_requests
    )
    approval.command(help=_("List the templates of a unit, or add one from a JSON file."))(
        templates
    )
    approval.command(help=_("Write a request with all signatures to a file."))(export)
    app.add_typer(approval, name="approval")
    app.command("verify-approval", help=_("Check an exported request, offline."))(verify_approval)


def request(  # noqa: PLR0917 - an option a field
    context: typer.Context,
    unit: UnitName,
    title: Annotated[str, typer.Argument(help=_("One line."))],
    template: Annotated[str, typer.Option(help=_("What it is made from."))] = "free",
    field: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL=VALUE", help=_("A field; several times.")),
    ] = None,
    step: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|all:A,B|any:A,B", help=_("Who decides, in order; several times.")
        ),
    ] = None,
    file: Annotated[
        list[Path] | None, typer.Option(help=_("A file that comes with it; several times."))
    ] = None,
) -> None:
    """Ask for an approval."""

    async def act(me: Workspace, where: Unit, _said: str) -> Message:
        fields = dict(_split(one, template) for one in field or ())
        steps = [_step(me, one) for one in step or ()]
        return await where.request(template, title, fields, steps, *(file or ()))

    act_in(context, unit, act)


def _split(text: str, template: str) -> tuple[str, str]:
    """Read a field; those of a standard template also as they are called in the user's language."""
    from mifeng.core.forms import STANDARD
    from mifeng.sdk.wording import label_of

    label, equals, value = text.partition("=")
    if not equals:
        raise UsageError("{text} is no field; write it as LABEL=VALUE", text=text)
    for field in STANDARD[template].fields if template in STANDARD else ():
        if label in (field.label, label_of(template, field.label)[0]):
            choices = {label_of(template, field.label, one)[1]: one for one in field.choices}
            return field.label, choices.get(value, value)
    return label, value


def _step(me: Workspace, text: str) -> tuple[str, list[Person]]:
    rule, colon, names = text.partition(":")
    if not colon or rule not in ("one", "all", "any"):
        return "one", [me.person(text)]
    return rule, [me.person(name) for name in names.split(",")]


def approve(
    context: typer.Context, unit: UnitName, number: MessageNumber, comment: Comment = ""
) -> None:
    """Approve a request."""

    async def act(_me: Workspace, where: Unit, _said: str) -> Message:
        return await where.approve(number, comment)

    act_in(context, unit, act)


def reject(
    context: typer.Context, unit: UnitName, number: MessageNumber, comment: Comment = ""
) -> None:
    """Reject a request."""

    async def act(_me: Workspace, where: Unit, _said: str) -> Message:
        return await where.reject(number, comment)

    act_in(context, unit, act)


def withdraw(context: typer.Context, unit: UnitName, number: MessageNumber) -> None:
    """Take a request back."""

    async def act(_me: Workspace, where: Unit, _said: str) -> Message:
        return await where.withdraw(number)

    act_in(context, unit, act)


def list_requests(
    context: typer.Context,
    mine: Annotated[bool, typer.Option("--mine", help=_("What you have asked for."))] = False,
    unit: Annotated[
        str | None, typer.Option(metavar="UNIT", help=_("All that was asked for in this unit."))
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help=_("Write the list as CSV."))
    ] = None,
) -> None:
    """List requests."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.searching import print_found

        async with opened(told, local=True) as me:
            where = me.unit(unit) if unit is not None else None
            found = await me.requests(mine=mine, unit=where)
            if csv is not None:
                from mifeng.sdk.tables import approvals_csv

                csv.write_text(approvals_csv(found), encoding="utf-8-sig")
            print_found(found, as_lines=told.json)
            if not found and not told.json:
                typer.echo(
                    _("Nothing waits for you.") if not (mine or unit) else _("None."), err=True
                )

    run(told, main)


def templates(
    context: typer.Context,
    unit: UnitName,
    add: Annotated[
        Path | None, typer.Option(metavar="FILE", help=_("Add the template in this JSON file."))
    ] = None,
) -> None:
    """List or add templates."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, print_table
        from mifeng.core.forms import template_facts, template_from
        from mifeng.sdk.wording import label_of

        async with opened(told, local=True) as me:
            where = me.unit(unit)
            if add is not None:
                try:
                    facts = json.loads(add.read_text(encoding="utf-8"))
                except ValueError as err:
                    raise UsageError("{path} is no JSON file", path=add) from err
                await where.post_template(template_from(_with_ids(me, facts)))
            found = await where.templates()
        if told.json:
            for template in found.values():
                as_json(template_facts(template))
            return
        rows = [
            [
                template.name,
                ", ".join(label_of(template.name, field.label)[0] for field in template.fields),
            ]
            for template in found.values()
        ]
        print_table([_("Template"), _("Fields")], rows)

    run(told, main)


def _with_ids(me: Workspace, facts: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    """Put the ids of people where a template's steps have their names."""
    steps = facts.get("steps") if isinstance(facts, dict) else None
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, dict) and isinstance(step.get("approvers"), list):
            step["approvers"] = [me.person(str(name)).id.hex() for name in step["approvers"]]
    return facts


def export(
    context: typer.Context,
    unit: UnitName,
    number: MessageNumber,
    file: Annotated[Path, typer.Argument(help=_("Where to write it."))],
) -> None:
    """Write a request with its signatures."""
    told = options(context)

    async def main() -> None:
        from mifeng.cli.show import as_json, say

        async with opened(told) as me:
            proof = await me.unit(unit).export_approval(number)
        file.write_bytes(proof)
        if told.json:
            as_json({"path": str(file), "bytes": len(proof)})
        else:
            say(_("Wrote {path}; `mifeng verify-approval` checks it.").format(path=file))

    run(told, main)


def verify_approval(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help=_("What `mifeng approval export` wrote."))],
) -> None:
    """Check an exported request by itself."""
    told = options(context)

    async def main() -> None:
        from mifeng.core.proof import verify_approval as verify

        _print_proven(verify(file.read_bytes()), as_one=told.json)

    run(told, main)


def print_if_proof(path: Path, *, as_one: bool) -> bool:
    """Check and print a file if it is a proof of an approval or of confirmations.

    Returns:
        Whether it is one.

    Raises:
        ProtocolError: it is one, and proves nothing.
    """
    from mifeng.cli import announcements
    from mifeng.core import proof

    with path.open("rb") as file:  # an export for an audit is too large to be read for a look
        begin = file.read(max(len(proof.APPROVAL_MAGIC), len(proof.MAGIC)))
    if begin.startswith(proof.APPROVAL_MAGIC):
        _print_proven(proof.verify_approval(path.read_bytes()), as_one=as_one)
    elif begin.startswith(proof.MAGIC):
        announcements.print_proven(proof.verify_confirmations(path.read_bytes()), as_one=as_one)
    else:
        return False
    return True


def _print_proven(proven: ProvenApproval, *, as_one: bool) -> None:
    from mifeng.cli.show import as_json, local_time, print_table, say
    from mifeng.content import printable
    from mifeng.sdk.documents import value_text
    from mifeng.sdk.wording import label_of, standing_word

    form = proven.form
    answers = [
        (one.field.label, value_text(one, lambda who: proven.names.get(who, who.hex()), {}))
        for one in form.answers
    ]
    digits = proven.workspace_number
    number = " ".join(digits[n : n + 5] for n in range(0, len(digits), 5))
    history = [
        {"member_id": one.by.hex(), "verdict": one.verdict, "comment": one.comment, "at": one.at}
        for one in proven.history
    ]
    if as_one:
        as_json(
            {
                "workspace_number": number,
                "title": form.title,
                "template": form.template,
                "answers": [{"label": label, "value": value} for label, value in answers],
                "files": [digest.hex() for digest in form.files],
                "author": proven.author.hex(),
                "at": proven.at,
                "standing": proven.standing,
                "history": history,
            }
        )
        return
    say(_("Every signature in this file is in order."))
    say(_("Workspace: {number}").format(number=number))
    say(f"[{standing_word(proven.standing)}] {printable(form.title)}")
    author = proven.names.get(proven.author, "")
    say("  " + _("asked by {name}").format(name=printable(author)) + f" ({proven.author.hex()})")
    for label, value in answers:
        name, said = label_of(form.template, label, value)
        say(f"  {printable(name)}: {printable(said)}")
    rows = [
        [proven.names.get(one.by, ""), standing_word(one.verdict), local_time(one.at), one.by.hex()]
        for one in proven.history
    ]
    print_table([_("Name (not signed)"), _("Decision"), _("Time"), _("Member id")], rows)
