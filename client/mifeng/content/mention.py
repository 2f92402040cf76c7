"""Mentions: Markdown links whose target says who is meant (protocol.md, "Mentions").

The label of such a link is its writer's; who is meant, and what a reader is shown, is the target.
So nobody is called by a name that two people have, and nobody is called in another's name.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

from mifeng.content.uris import Origin
from mifeng_crypto.ids import MemberId
from mifeng_crypto.ledger.charter_entry import UnitRole

__all__ = ["Mention", "mentions_in", "with_names"]

MAX_MENTIONS = 100
"""That are looked at in one text; whoever wants more means everybody."""

_ROLES = {role.name.lower(): role for role in UnitRole}
_LINK = re.compile(
    r"\[(?P<label>[^\[\]\n]{0,200})\]\("
    r"(?P<uri>mimi://[0-9a-f]{32}/(?:u/[0-9a-f]{32}|r/[0-9a-f]{32}(?:/[a-z]{1,20})?))\)"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Mention:
    """Who is meant: a person, everybody with a role in the unit, or (neither) all."""

    member_id: MemberId | None = None
    role: UnitRole | None = None

    def link(self, label: str, origin: Origin) -> str:
        """Write it in Markdown, for a message of this origin."""
        if self.member_id is not None:
            uri = f"mimi://{origin.workspace_id.hex()}/u/{self.member_id.hex()}"
        else:
            uri = origin.room_uri + (f"/{self.role.name.lower()}" if self.role else "")
        label = re.sub(r"[\[\]\n]", "", label)[:199]
        return f"[@{label}]({uri})"

    def means(self, member_id: MemberId, role: UnitRole | None) -> bool:
        """Whether a member with this role in the unit is meant."""
        if self.member_id is not None:
            return self.member_id == member_id
        return self.role is None or self.role is role


def mentions_in(text: str, origin: Origin) -> tuple[Mention, ...]:
    """Return who is mentioned in a text of this origin, each once.

    A link to another workspace or unit mentions nobody here.
    """
    if "](mimi://" not in text:
        return ()
    found = dict[Mention, None]()
    for match in _LINK.finditer(text):
        mention = _mention(match["uri"], origin)
        if mention is not None:
            found[mention] = None
            if len(found) == MAX_MENTIONS:
                break
    return tuple(found)


def with_names(text: str, origin: Origin, name_of: Callable[[Mention], str]) -> str:
    """Write a text for people: each mention as `@` and the name that the reader knows."""

    def shown(match: re.Match[str]) -> str:
        mention = _mention(match["uri"], origin)
        return match[0] if mention is None else "@" + name_of(mention)

    return _LINK.sub(shown, text) if "](mimi://" in text else text


def _mention(uri: str, origin: Origin) -> Mention | None:
    person = f"mimi://{origin.workspace_id.hex()}/u/"
    if uri.startswith(person):
        return Mention(member_id=MemberId(bytes.fromhex(uri.removeprefix(person))))
    if uri == origin.room_uri:
        return Mention()
    role = _ROLES.get(uri.removeprefix(origin.room_uri + "/"))
    return Mention(role=role) if role is not None else None
