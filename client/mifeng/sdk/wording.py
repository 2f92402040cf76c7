"""A line of a timeline in words, for a terminal or an exported page, in the reader's language.

What others wrote goes through `printable` here: no control characters, no turned writing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mifeng.content import printable
from mifeng.core.forms import STANDARD
from mifeng.core.rows import LOCKED
from mifeng.core.timeline import EXPIRED, NEWER
from mifeng.text import _, ngettext, retold
from mifeng_crypto.ledger.roster_entry import Role

if TYPE_CHECKING:
    from mifeng.sdk.changes import Change
    from mifeng.sdk.devices import Device
    from mifeng.sdk.documents import Announcement, Approval, HandedOver, Poll
    from mifeng.sdk.offboarding import Offboarding
    from mifeng.sdk.people import Person
    from mifeng.sdk.values import DeviceChange, Message

__all__ = [
    "arrival_word",
    "change_in_words",
    "departure_word",
    "in_words",
    "label_of",
    "notice_word",
    "others_in_words",
    "remarks",
    "role_word",
    "shown_name",
    "standing_word",
    "words_of",
]


def in_words(message: Message) -> list[str]:
    """Return what a message says, line by line; of its files nothing."""
    if message.problem:
        return [_problem(message)]
    if message.is_deleted:
        return [_("(deleted)")]
    lines: list[str] = []
    if message.announcement:
        lines += _announcement(message.announcement)
    if message.poll:
        lines += _poll(message.poll)
    if message.approval:
        lines += _approval(message.approval)
    if message.notice:
        lines.append(f"({notice_word(message.notice)})")
    if message.readable:
        lines += printable(message.readable, lines=True).splitlines()
    return lines


def shown_name(person: Person) -> str:
    """Return a name, and whether a program bears it."""
    name = printable(person.name)
    return _("{name} (bot)").format(name=name) if person.is_bot else name


def remarks(message: Message) -> list[str]:
    """Return what a line tells that nobody said: who came, who left, whose device changed, what of
    before was handed over.
    """
    if message.history:
        return [_handed_over(message, message.history)]
    match message.kind:
        case "readd":
            return [_stuck(message)]
        case "heads":
            return [_of_device(change) for change in message.devices]
        case "commit":
            return [*_came(message), *_left(message)]
        case _:
            return []


def _problem(message: Message) -> str:
    match message.problem:
        case problem if problem == EXPIRED:
            return _("(expired)")
        case problem if problem == LOCKED:
            return _("(this unit is strict: connect to the server to read this)")
        case problem if problem == NEWER:
            return _("(needs a newer client)")
        case problem:
            reason = printable(retold(problem, message.rule))
            return _("(not shown: {reason})").format(reason=reason)


# ------------------------------------------------------------------ documents


def _announcement(announcement: Announcement) -> list[str]:
    confirmed = len(announcement.confirmed)
    asked = confirmed + len(announcement.missing)
    told = _("{n} of {asked} have confirmed.").format(n=confirmed, asked=asked)
    if announcement.asks_me:
        told += " " + _("Please confirm.")
    if announcement.reminded_me:
        told += " " + _("You were reminded.")
    return [
        f"** {printable(announcement.title)} **",
        *printable(announcement.text, lines=True).splitlines(),
        f"({told})",
    ]


def _poll(poll: Poll) -> list[str]:
    lines = [f"? {printable(poll.question)}"]
    for n, choice in enumerate(poll.choices, 1):
        mark = "*" if n in poll.mine else " "
        lines.append(f"{mark} {n}. {printable(choice.text)}: {len(choice.people)}")
    told = _("{n} of {asked} have voted.").format(n=poll.voted, asked=poll.voters)
    return [*lines, f"({told})" if poll.is_open else f"({told} {_('Closed.')})"]


def _approval(approval: Approval) -> list[str]:
    lines = [f"[{standing_word(approval.standing)}] {printable(approval.title)}"]
    for label, value in approval.answers:
        if value:
            name, said = label_of(approval.template, label, value)
            lines.append(f"  {printable(name)}: {printable(said)}")
    for one in approval.history:
        decided = f"{shown_name(one.person)}: {standing_word(one.verdict)}"
        lines.append(f"  {decided} {printable(one.comment)}".rstrip())
    if approval.waiting_for:
        names = ", ".join(shown_name(person) for person in approval.waiting_for)
        told = _("waiting for {names}").format(names=names)
        if approval.reminded_me:
            told += " " + _("You were reminded.")
        lines.append("  " + told)
    return lines


def standing_word(standing: str) -> str:
    """Return what has become of a request, or what somebody has decided, in words."""
    words = {
        "pending": _("pending"),
        "approved": _("approved"),
        "rejected": _("rejected"),
        "withdrawn": _("withdrawn"),
    }
    return words[standing]


def label_of(template: str, label: str, value: str = "") -> tuple[str, str]:
    """Return a field and its value as they are called here, where the template is a standard one.

    A form carries its labels as its author's device wrote them; those that every unit has are
    English there, so that they mean the same to all.
    """
    if template not in STANDARD:
        return label, value
    words = _standard_words()
    fields = {field.label: field for field in STANDARD[template].fields}
    if label not in fields:
        return label, value
    is_choice = value in fields[label].choices
    return words.get(label, label), words.get(value, value) if is_choice else value


def words_of(template: str) -> dict[str, str]:
    """Return what a template, its fields and choices are called here, if it is a standard one."""
    return _standard_words() if template in STANDARD else {}


def _standard_words() -> dict[str, str]:
    """Return names, labels and choices of the standard templates as they are called here."""
    return {
        "leave": _("Leave"),
        "expense": _("Expenses"),
        "purchase": _("Purchase"),
        "free": _("Free form"),
        "kind": _("Kind"),
        "days": _("Days"),
        "reason": _("Reason"),
        "amount": _("Amount"),
        "day": _("Day"),
        "purpose": _("Purpose"),
        "receipt": _("Receipt"),
        "item": _("Item"),
        "text": _("Text"),
        "annual": _("Annual leave"),
        "sick": _("Sick leave"),
        "personal": _("Personal leave"),
        "other": _("Other"),
    }


def notice_word(notice: str) -> str:
    """Return what a line tells of its author, in words."""
    words = {
        "exported": _("has exported what can be read here"),
        "profile": _("has changed what this unit is called or about"),
        "template": _("has laid down a form for requests"),
    }
    return words.get(notice, notice)


# ------------------------------------------------------------------ people and devices


def change_in_words(change: Change) -> str:
    """Say what happened in the roster, in a sentence."""
    sentences = {
        "found": _("{name} founded the workspace"),
        "invite": _("an invite as {role} was made"),
        "add_member": _("{name} joined"),
        "remove_member": _("{name} was removed"),
        "set_role": _("{name} is {role} now"),
        "revoke_invite": _("an invite was revoked"),
        "add_device": _("{name} has another device, {device}"),
        "revoke_device": _("a device of {name} was taken out, {device}"),
        "recover": _("{name} came back by the recovery sheet: all older devices are out"),
        "set_server": _("the server has another key or address"),
        "directory_key": _("the directory has another key"),
    }
    sentence = sentences.get(change.kind, change.kind)
    return sentence.format(
        name=shown_name(change.subject) if change.subject else "",
        role=role_word(change.role) if change.role else "",
        device=change.device_id.hex()[:8] if change.device_id else "",
    )


def role_word(role: Role) -> str:
    """Return what somebody is in the workspace, in words."""
    words = {
        Role.OWNER: _("Owner"),
        Role.ADMIN: _("Administrator"),
        Role.MEMBER: _("Member"),
        Role.GUEST: _("Guest"),
    }
    return words[role]


def arrival_word(device: Device) -> str:
    """Return how a device came into the workspace, in words."""
    words = {
        "found": _("founded the workspace"),
        "add_member": _("joined with it"),
        "add_device": _("added by {name}"),
        "recover": _("came back by the recovery sheet"),
    }
    return words[device.how].format(name=shown_name(device.added_by))


def others_in_words(told: Offboarding) -> str:
    """Return what the server says of units that this device is not in; nothing if of none."""
    if not (told.others_out or told.others_pending):
        return ""
    sentence = _("Of other units the server says: out of {out}, still in {pending}.")
    return sentence.format(out=told.others_out, pending=told.others_pending)


def departure_word(state: str) -> str:
    """Return how far somebody is out of a unit, in words."""
    words = {
        "verified": _("out, verified"),
        "reported": _("out, says the server"),
        "pending": _("still in"),
    }
    return words[state]


# ------------------------------------------------------------------ remarks


def _came(message: Message) -> list[str]:
    if not message.added:
        return []
    names = ", ".join(shown_name(person) for person in message.added)
    told = ngettext("{names} is in now", "{names} are in now", len(message.added))
    return [told.format(names=names)]


def _left(message: Message) -> list[str]:
    if not message.removed:
        return []
    names = ", ".join(shown_name(person) for person in message.removed)
    told = ngettext("{names} is out now", "{names} are out now", len(message.removed))
    return [told.format(names=names)]


def _handed_over(message: Message, handed: HandedOver) -> str:
    """Say how much of before was handed over by whom, to whom."""
    n, giver = handed.messages, shown_name(message.sender) if message.sender else "?"
    if handed.is_for_this:
        return ngettext(
            "{n} message from before you joined, handed over by {giver}",
            "{n} messages from before you joined, handed over by {giver}",
            n,
        ).format(n=n, giver=giver)
    if handed.people == (message.sender,):
        return ngettext(
            "{giver} has handed {n} message from before over to another device",
            "{giver} has handed {n} messages from before over to another device",
            n,
        ).format(n=n, giver=giver)
    names = ", ".join(shown_name(person) for person in handed.people)
    return ngettext(
        "{giver} has handed {n} message from before over to {names}",
        "{giver} has handed {n} messages from before over to {names}",
        n,
    ).format(n=n, giver=giver, names=names)


def _stuck(message: Message) -> str:
    """Say whose device cannot go on, and who made what it cannot process."""
    name = shown_name(message.sender) if message.sender else "?"
    if message.author is None:
        return _("a device of {name} has lost its keys, and is let in again").format(name=name)
    return _(
        "a device of {name} cannot process number {n}, a commit by {author}, and is let in again"
    ).format(name=name, n=message.stuck, author=shown_name(message.author))


def _of_device(change: DeviceChange) -> str:
    sentences = {
        "add_device": _("{name} has a new device"),
        "revoke_device": _("a device of {name} was taken out"),
        "recover": _("{name} came back by the recovery sheet: all older devices are out"),
    }
    return sentences[change.kind].format(name=shown_name(change.person))
