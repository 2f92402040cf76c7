"""Files up and down: streamed, sealed and opened on the way, in constant memory.

ahead.py     what comes while other work is done, all at once
up.py        a file -> sealed into the spool -> sent behind it -> Attachment
spool.py     the ciphertext of files on their way, on the disk
room.py      whether a disk has room for it
sealing.py   how it is sealed, in a few buffers in turn
synced.py    a file that is put on the disk while more of it comes
digest.py    its hash, beside that
blob.py      parts of a history, in memory
sending.py   tus: create, PATCH from wherever the server is, take back
down.py      share -> key -> GET with Range -> open -> temporary file -> all verified -> its name
reader.py    any part of a file, from only the chunks that hold it
attempts.py  again, after a line that broke

A connection that breaks is taken up again where the server is (HEAD), or where we are (Range). A
piece of ciphertext is kept until the server has it and never made twice: the plaintext could have
changed in between, and the same nonce must not seal two plaintexts.

The share and the file key stay in memory. The API is protocol.md, "Files"; tus is 1.0.0.
"""

from mifeng.transfer.attempts import Progress, no_progress
from mifeng.transfer.down import download, stream
from mifeng.transfer.reader import Reader, open_reader
from mifeng.transfer.sending import take_back
from mifeng.transfer.spool import Spool
from mifeng.transfer.up import OnSealed, lengths, resume, upload, upload_from

__all__ = [
    "OnSealed",
    "Progress",
    "Reader",
    "Spool",
    "download",
    "lengths",
    "no_progress",
    "open_reader",
    "resume",
    "stream",
    "take_back",
    "upload",
    "upload_from",
]
