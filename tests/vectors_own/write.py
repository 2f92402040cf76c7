"""Write all vectors anew: `python -m tests.vectors_own.write`. Frozen: they are committed.

All randomness comes from names (signing.py), ephemeral keys of HPKE and nonces of ECDSA included,
so the files are the same wherever they are written by the same engine; but for the stories with
X-Wing, as the library draws what ML-KEM encapsulates by itself.
"""

from __future__ import annotations

import shutil
from unittest import mock

from cryptography.hazmat.primitives.asymmetric import ec

from mifeng_crypto.hpke import Hpke
from mifeng_crypto.signature import Ecdsa
from tests.vectors_own import (
    faults_commit,
    faults_continuation,
    faults_external,
    faults_history,
    faults_join,
    faults_key_package,
    faults_message,
    faults_proposals,
)
from tests.vectors_own.files import NEGATIVE, POSITIVE, STATES, write_json
from tests.vectors_own.members import group_of_seven
from tests.vectors_own.signing import HashRng
from tests.vectors_own.stories import stories

PARTS = (
    faults_key_package,
    faults_proposals,
    faults_commit,
    faults_message,
    faults_join,
    faults_external,
    faults_continuation,
    faults_history,
)
_EPHEMERAL = HashRng("ephemeral keys")


def _seal(self: Hpke, public: bytes, info: bytes, plaintext: bytes) -> tuple[bytes, bytes]:
    return self.seal_to_many([(public, plaintext)], info, rng=_EPHEMERAL)[0]


def _sign(self: Ecdsa, private: bytes, data: bytes) -> bytes:
    return self._load(private).sign(data, ec.ECDSA(self.hash, deterministic_signing=True))


def main() -> None:
    for folder in (NEGATIVE, POSITIVE, STATES):
        shutil.rmtree(folder, ignore_errors=True)
    with mock.patch.object(Hpke, "seal", _seal), mock.patch.object(Ecdsa, "sign", _sign):
        scene = group_of_seven()
        states = {
            "seven": scene["carl"],
            "open": faults_continuation.still_open()["carl"],
            "closed": faults_continuation.closed()["carl"],
            "malformed": faults_continuation.malformed()["bert"],
        }
        for name, receiver in states.items():
            write_json(STATES / f"{name}.json", receiver.state())
        for part in PARTS:
            for vector in part.vectors(scene):
                vector.write(NEGATIVE)
        for name, step in stories():
            write_json(POSITIVE / f"{name}.json", step)


if __name__ == "__main__":
    main()
