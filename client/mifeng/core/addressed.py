"""The list of people in an announcement or poll, as it is in the epoch that encrypts it.

Between writing and encrypting people may come and go, and a lost race encrypts anew. Receivers hold
the list against their own tree: so it is made when the bytes are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from mifeng.content.documents import (
    MARK,
    Announcement,
    Document,
    Poll,
    Statement,
    decode_document,
    encode_document,
    is_document,
    sign_statement,
)
from mifeng.content.mimi import MultiPart, Part, SinglePart, decode_mimi, encode_mimi
from mifeng_crypto.ids import MemberId

__all__ = ["addressed"]

_MARK = MARK.encode()


def addressed(
    content: bytes, people: Callable[[], tuple[MemberId, ...]], *, signing_key: bytes
) -> bytes:
    """Return a content of one's own with these people in its list; most have none.

    Args:
        content: MIMI content.
        people: gives who is in the tree, sorted; asked only if there is a list.
        signing_key: of this device: a list that is signed is signed anew.
    """
    if _MARK not in content:
        return content
    mimi = decode_mimi(content)
    body = mimi.body
    parts = body.parts if isinstance(body, MultiPart) else (body,)
    new = tuple(_part(part, people(), signing_key) for part in parts)
    if new == parts:
        return content
    made = dataclasses.replace(body, parts=new) if isinstance(body, MultiPart) else new[0]
    return encode_mimi(dataclasses.replace(mimi, body=made))


def _part(part: Part, people: tuple[MemberId, ...], signing_key: bytes) -> Part:
    if not isinstance(part, SinglePart) or not is_document(part.content_type):
        return part
    document = _for(decode_document(part.content_type, part.content), people, signing_key)
    return dataclasses.replace(part, content=encode_document(document))


def _for(document: Document, people: tuple[MemberId, ...], signing_key: bytes) -> Document:
    if isinstance(document, Poll):
        return dataclasses.replace(document, voters=people)
    if not isinstance(document, Statement) or not isinstance(document.body, Announcement):
        return document
    body = dataclasses.replace(document.body, readers=people)
    if body == document.body:
        return document
    return sign_statement(dataclasses.replace(document.tbs, body=body), signing_key)
