"""A release is a note (C2SP signed-note): what its files are, signed by several people.

    python -m scripts.release key --name ada.example                     a new key, where she is
    python -m scripts.release note VERSION FILE... > release.note         names, sizes, SHA-256
    python -m scripts.release sign release.note --key ada.example.key     each, after building
    python -m scripts.release verify release.note --keys release_keys.txt --folder dist

`release_keys.txt` has the line `threshold N`, N at least 2, and one verifier key a line
(NAME+ID+BASE64). Whoever has verified one release takes the keys of the next from that: the list is
one of a release's files, so that keys change only by the signatures of those before. An account
that is taken over can push code, tags and files, but it has not the keys of two people.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from mifeng_crypto import signature as ed25519
from mifeng_crypto.errors import CryptoError, MifengError, ProtocolError
from mifeng_crypto.ledger.note import key_id_of, parse_note, sign_note

__all__ = [
    "Keys",
    "ReleaseError",
    "check_files",
    "check_signers",
    "make_text",
    "new_key",
    "read_keys",
    "sign",
]

ED25519 = b"\x01"
HEAD = "mifeng release "
_FILE = re.compile(r"([0-9a-f]{64}) ([0-9]+) ([A-Za-z0-9._-]+)")


class ReleaseError(MifengError):
    """The release is not what it should be: install nothing of it."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Who may sign releases, and how many of them must."""

    threshold: int
    public: dict[str, bytes]


def read_keys(text: str) -> Keys:
    """Read a list of keys.

    Raises:
        ReleaseError: it is none, or one person alone would do.
    """
    first, *lines = text.strip().splitlines()
    number = re.fullmatch(r"threshold ([0-9]+)", first)
    public: dict[str, bytes] = {}
    for line in lines:
        name, _, rest = line.partition("+")
        key_id, _, encoded = rest.partition("+")
        key = base64.b64decode(encoded)
        if key[:1] != ED25519 or key_id_of(name, key[1:]).hex() != key_id or name in public:
            raise ReleaseError(f"this is no verifier key, or it is there twice: {line[:80]}")
        ed25519.check_public_key(key[1:])
        public[name] = key[1:]
    if number is None or len(set(public.values())) != len(public):
        raise ReleaseError("a list of keys begins with `threshold N` and has each key once")
    if not 2 <= int(number[1]) <= len(public):
        raise ReleaseError("a release needs the signatures of at least two keys of the list")
    return Keys(int(number[1]), public)


def new_key(name: str) -> tuple[str, str]:
    """Make a key: its secret file's line, and its line for the list."""
    seed = os.urandom(32)
    public = ed25519.public_of(seed)
    verifier = base64.b64encode(ED25519 + public).decode()
    secret = f"{name} {base64.b64encode(seed).decode()}\n"
    return secret, f"{name}+{key_id_of(name, public).hex()}+{verifier}\n"


def make_text(version: str, files: list[Path]) -> str:
    """Write down what a release's files are."""
    lines = [
        f"{hashlib.sha256(data).hexdigest()} {len(data)} {path.name}"
        for path in sorted(files, key=lambda one: one.name)
        for data in [path.read_bytes()]
    ]
    return "\n".join([HEAD + version, *lines]) + "\n"


def sign(note: bytes, secret: str) -> bytes:
    """Add a signature to a note, or to a text that has none yet."""
    name, _, encoded = secret.strip().partition(" ")
    signed = b"\n\n" in note
    text = parse_note(note).text if signed else note.decode()
    made = sign_note(text, name=name, signing_key=base64.b64decode(encoded))
    return note + made.rpartition(b"\n\n")[2] if signed else made


def check_signers(note: bytes, keys: Keys) -> str:
    """Return the text, if enough of the people signed it.

    Raises:
        ReleaseError: too few did.
        ProtocolError: NOTE-1.
    """
    parsed, signers = parse_note(note), set[bytes]()
    for line in parsed.signatures:
        public = keys.public.get(line.name)
        if public is None or line.key_id != key_id_of(line.name, public):
            continue  # of somebody whom the list does not know
        try:
            ed25519.verify(public, parsed.text.encode(), line.signature)
        except CryptoError:
            continue
        signers.add(public)
    if len(signers) < keys.threshold:
        raise ReleaseError(
            f"{len(signers)} of {keys.threshold} necessary signatures: install nothing of this "
            "release, and ask the maintainers in another way than by this site"
        )
    return parsed.text


def check_files(text: str, folder: Path) -> list[str]:
    """See that a folder has exactly these files; return the head line and their names.

    Raises:
        ReleaseError: another text, or a file that is missing, too much or different.
    """
    head, *lines = text.splitlines()
    named = [_FILE.fullmatch(line) for line in lines]
    if not head.startswith(HEAD) or not lines or not all(named):
        raise ReleaseError("this note is about something else than a release")
    expected = {match[3]: (match[1], int(match[2])) for match in named if match}
    there = {path.name for path in folder.iterdir() if path.suffix != ".note"}
    if there != set(expected):
        raise ReleaseError(f"other files than the release has: {sorted(there ^ set(expected))}")
    for name, (digest, size) in expected.items():
        data = (folder / name).read_bytes()
        if len(data) != size or hashlib.sha256(data).hexdigest() != digest:
            raise ReleaseError(f"{name} is not the file that was signed: download it again")
    return [head, *expected]


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("key")
    made.add_argument("--name", required=True)
    noted = commands.add_parser("note")
    noted.add_argument("version")
    noted.add_argument("files", nargs="+", type=Path)
    signed = commands.add_parser("sign")
    signed.add_argument("note", type=Path)
    signed.add_argument("--key", required=True, type=Path)
    verified = commands.add_parser("verify")
    verified.add_argument("note", type=Path)
    verified.add_argument("--keys", required=True, type=Path)
    verified.add_argument("--folder", required=True, type=Path)
    asked = parser.parse_args()
    try:
        _run(asked)
    except (ReleaseError, ProtocolError, OSError, ValueError) as err:
        print(f"NOT VERIFIED: {err}" if asked.command == "verify" else str(err), file=sys.stderr)
        return 1
    return 0


def _run(asked: argparse.Namespace) -> None:
    if asked.command == "key":
        secret, verifier = new_key(asked.name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(f"{asked.name}.key", flags, 0o600), "w", encoding="ascii") as file:
            file.write(secret)
        print(verifier, end="")
    elif asked.command == "note":
        print(make_text(asked.version, asked.files), end="")
    elif asked.command == "sign":
        secret = asked.key.read_text(encoding="ascii")
        asked.note.write_bytes(sign(asked.note.read_bytes(), secret))
    else:
        keys = read_keys(asked.keys.read_text(encoding="ascii"))
        text = check_signers(asked.note.read_bytes(), keys)
        print("\n".join(check_files(text, asked.folder)))
        print("verified: install these files, and no others")


if __name__ == "__main__":
    sys.exit(main())
