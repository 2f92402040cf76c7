"""What people say, inside the encrypted message: MIMI content (protocol.md, "Content").

mimi.py        draft-ietf-mimi-content-08: structure, encoding, limits, message id
uris.py        the names of people, units and files inside of it
attachment.py  a file, as a message names it
message.py     what of it is ours: texts, files, reactions, documents, and what takes them back
mention.py     whom a text calls
documents/     the documents: announcements, polls, approvals, notices
printable.py   text of others, made harmless for a terminal

This room knows no network, no disk, no clock.
"""

from mifeng.content.attachment import Attachment
from mifeng.content.mention import Mention, mentions_in, with_names
from mifeng.content.message import (
    Message,
    Refers,
    check_files,
    decode,
    encode_file,
    encode_nothing,
    encode_reaction,
    encode_text,
    encode_work,
)
from mifeng.content.mimi import MAX_CONTENT_BYTES
from mifeng.content.preview import MAX_THUMBNAIL_BYTES, Preview
from mifeng.content.printable import printable
from mifeng.content.uris import Origin

__all__ = [
    "MAX_CONTENT_BYTES",
    "MAX_THUMBNAIL_BYTES",
    "Attachment",
    "Mention",
    "Message",
    "Origin",
    "Preview",
    "Refers",
    "check_files",
    "decode",
    "encode_file",
    "encode_nothing",
    "encode_reaction",
    "encode_text",
    "encode_work",
    "mentions_in",
    "printable",
    "with_names",
]
