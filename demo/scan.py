"""Search everything in some folders for secrets, in every form in which they could stand there.

A form is a byte string: the secret in UTF-8, UTF-16 (both orders), base64 and base64url (at all
three alignments), hex (both cases), and escaped as in JSON. A form that is shorter than 6 bytes is
not searched for: ciphertext is random, and would hold it by chance.
"""

from __future__ import annotations

import base64
import concurrent.futures
import dataclasses
import json
import mmap
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = ["Hit", "forms_of", "scan"]

MIN_FORM_BYTES = 6
_WINDOW_BYTES = 32 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Hit:
    """A secret was found: which, in which form, in which file, at which byte."""

    secret: str
    form: str
    file: str
    offset: int


def forms_of(secret: str | bytes) -> dict[bytes, str]:
    """Return the forms of a secret, with their names."""
    raw = secret.encode() if isinstance(secret, str) else secret
    forms = {raw: "bytes" if isinstance(secret, bytes) else "UTF-8"}
    if isinstance(secret, str):
        # Latin letters in UTF-16 are letters with zeros between them: one form for both orders.
        little, big = secret.encode("utf-16-le"), secret.encode("utf-16-be")
        forms |= {little[:-1]: "UTF-16"} if secret.isascii() else {little: "UTF-16", big: "UTF-16"}
        escaped = json.dumps(secret)[1:-1]
        forms |= {escaped.encode(): "JSON", _upper_escapes(escaped).encode(): "JSON"}
    for skipped in range(3):
        forms |= dict.fromkeys(_base64(raw, skipped), "base64")
    forms |= {raw.hex().encode(): "hex", raw.hex().upper().encode(): "hex"}
    forms[raw] = "bytes" if isinstance(secret, bytes) else "UTF-8"
    return {form: name for form, name in forms.items() if len(form) >= MIN_FORM_BYTES}


def _upper_escapes(escaped: str) -> str:
    head, *tails = escaped.split("\\u")
    return head + "".join(f"\\u{tail[:4].upper()}{tail[4:]}" for tail in tails)


def _base64(raw: bytes, skipped: int) -> tuple[bytes, bytes]:
    """Return those letters that depend on `raw` alone, when `skipped` bytes stand before it."""
    padded = bytes(skipped) + raw
    first, last = -(-skipped * 8 // 6), len(padded) * 8 // 6
    return (
        base64.b64encode(padded)[first:last],
        base64.urlsafe_b64encode(padded)[first:last],
    )


def scan(folders: Iterable[Path], secrets: Iterable[str | bytes]) -> tuple[list[Hit], int]:
    """Search every file below `folders`.

    Returns:
        What was found, and how many bytes were searched.
    """
    forms = {
        form: (secret if isinstance(secret, str) else secret.hex(), name)
        for secret in secrets
        for form, name in forms_of(secret).items()
    }
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    windows = [
        (file, start)
        for file in files
        for start in range(0, max(file.stat().st_size, 1), _WINDOW_BYTES)
    ]
    with concurrent.futures.ProcessPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        found = pool.map(_scan_window, windows, [forms] * len(windows))
        hits = [hit for some in found for hit in some]
    return hits, sum(file.stat().st_size for file in files)


def _scan_window(window: tuple[Path, int], forms: Mapping[bytes, tuple[str, str]]) -> list[Hit]:
    """Search one part of one file, and as much after it as the longest form needs."""
    path, start = window
    longest = max(len(form) for form in forms)
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return []
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            data = whole[start : start + _WINDOW_BYTES + longest]
    return [
        Hit(secret, name, str(path), start + at)
        for form, (secret, name) in forms.items()
        if 0 <= (at := data.find(form)) < _WINDOW_BYTES
    ]
