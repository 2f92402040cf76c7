"""Fetch the public MLS test vectors of one fixed commit, and check each against its SHA-256.

The sums stand in `mls_vectors.sha256`; nothing that differs from them is written. The files are
not part of this project because their repository names no licence.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import urllib.request
from pathlib import Path

COMMIT = "cfd450286d1bfd9cd2519b95c80f9771f94a5b1a"
BASE_URL = f"https://raw.githubusercontent.com/mlswg/mls-implementations/{COMMIT}"
UPSTREAM_FOLDER = {
    "configs": "interop/configs",
    "interop-passive": "interop/passive",
    "test-vectors": "test-vectors",
}
# The sum of this one was taken after its whitespace had been removed.
COMPACTED = "configs/deep_random.json"
TIMEOUT_S = 60

ROOT = Path(__file__).resolve().parent.parent
SUMS_FILE = ROOT / "scripts" / "mls_vectors.sha256"
TARGET = ROOT / "build" / "vectors" / "mls"


class VectorError(Exception):
    """A vector file could not be had, or is not the one that the sums name."""


def read_sums() -> dict[str, str]:
    """File name to SHA-256, in the form of `sha256sum`."""
    lines = SUMS_FILE.read_text(encoding="ascii").splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def checked(name: str, content: bytes, digest: str) -> bytes:
    """The bytes to keep for `name`.

    Raises:
        VectorError: they are not the ones that `digest` names.
    """
    if name == COMPACTED:
        try:
            content = json.dumps(json.loads(content), separators=(",", ":")).encode()
        except ValueError as err:
            raise VectorError(f"{name}: not JSON ({err})") from err
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise VectorError(f"{name}: SHA-256 is {found}, expected {digest}; not written")
    return content


def download(base_url: str, name: str) -> bytes:
    """The file as its repository has it.

    Raises:
        VectorError: it cannot be reached.
    """
    folder, _, file = name.partition("/")
    url = f"{base_url}/{UPSTREAM_FOLDER[folder]}/{file}"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as reply:
            content: bytes = reply.read()
    except OSError as err:
        raise VectorError(f"{url}: {err}. This needs a network; run `make vectors` again.") from err
    return content


def fetch(base_url: str, target: Path) -> int:
    """Bring every file that is missing or differs; returns how many that were.

    Raises:
        VectorError: see `download` and `checked`; what was fetched before stays.
    """
    fetched = 0
    for name, digest in read_sums().items():
        path = target / name
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest:
            continue
        content = checked(name, download(base_url, name), digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_bytes(content)
        partial.replace(path)
        fetched += 1
    return fetched


def main() -> int:
    """Run from the Makefile; the exit code is 1 when a file is missing or wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base-url", default=BASE_URL, help="a mirror of the repository's files")
    parser.add_argument("--target", type=Path, default=TARGET)
    arguments = parser.parse_args()
    try:
        fetched = fetch(arguments.base_url, arguments.target)
    except VectorError as err:
        print(err, file=sys.stderr)
        return 1
    print(
        f"{arguments.target}: {len(read_sums())} files as expected, {fetched} of them fetched now"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
