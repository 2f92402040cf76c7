"""Finds the vector files and runs every case of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from tests.conformance import groups, keys, messages, primitives, trees
from tests.conformance.case import Case, Skipped

Check: TypeAlias = Callable[[Case], None]

MLS = "mls/test-vectors"
CHECKS: dict[str, Check] = {
    f"{MLS}/deserialization.json": keys.check_deserialization,
    f"{MLS}/tree-math.json": trees.check_tree_math,
    f"{MLS}/crypto-basics.json": keys.check_crypto_basics,
    f"{MLS}/secret-tree.json": keys.check_secret_tree,
    f"{MLS}/message-protection.json": messages.check_message_protection,
    f"{MLS}/key-schedule.json": keys.check_key_schedule,
    f"{MLS}/psk_secret.json": keys.check_psk_secret,
    f"{MLS}/transcript-hashes.json": keys.check_transcript_hashes,
    f"{MLS}/welcome.json": groups.check_welcome,
    f"{MLS}/tree-operations.json": trees.check_tree_operations,
    f"{MLS}/tree-validation.json": trees.check_tree_validation,
    f"{MLS}/treekem.json": trees.check_treekem,
    f"{MLS}/messages.json": messages.check_messages,
    f"{MLS}/passive-client-welcome.json": groups.check_passive_client,
    f"{MLS}/passive-client-handling-commit.json": groups.check_passive_client,
    "mls/interop-passive/external_join.json": groups.check_passive_client,
    "hpke-rfc9180/base-mode.json": primitives.check_hpke,
    "hpke-pq/test-vectors.json": primitives.check_hpke,
    "xwing/test-vectors.json": primitives.check_xwing,
    "ed25519-edge/ed25519vectors.json": primitives.check_ed25519_edge,
    "wycheproof/ed25519_test.json": primitives.check_wycheproof_ed25519,
    "wycheproof/aes_gcm_test.json": primitives.check_wycheproof_aead,
    "wycheproof/chacha20_poly1305_test.json": primitives.check_wycheproof_aead,
    "wycheproof/hkdf_sha256_test.json": primitives.check_wycheproof_hkdf,
    "wycheproof/hkdf_sha384_test.json": primitives.check_wycheproof_hkdf,
    "wycheproof/hkdf_sha512_test.json": primitives.check_wycheproof_hkdf,
    "wycheproof/hmac_sha256_test.json": primitives.check_wycheproof_hmac,
    "wycheproof/x25519_test.json": primitives.check_wycheproof_x25519,
    "wycheproof/mlkem_768_test.json": primitives.check_wycheproof_mlkem,
    "wycheproof/mlkem_768_encaps_test.json": primitives.check_wycheproof_mlkem,
    "wycheproof/mlkem_768_keygen_seed_test.json": primitives.check_wycheproof_mlkem,
}


@dataclass(slots=True)
class Result:
    """What became of one file."""

    name: str
    cases: int = 0
    passed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "file": self.name,
            "cases": self.cases,
            "passed": self.passed,
            "skipped": dict(self.skipped),
            "failed": self.failed,
        }


def sources_root(vectors: Path) -> Path:
    """Return the folder with one folder a source; `vectors` is it, or is its `mls`."""
    return vectors.parent if (vectors / "test-vectors").is_dir() else vectors


def files_in(vectors: Path) -> list[str]:
    """Return the names of the files that are there and that we have a check for."""
    root = sources_root(vectors)
    return [name for name in CHECKS if (root / name).is_file()]


def run_file(vectors: Path, name: str) -> Result:
    """Run every case of one file; a failing case does not stop the others."""
    result = Result(name)
    for number, case in enumerate(_cases(sources_root(vectors) / name)):
        result.cases += 1
        try:
            CHECKS[name](case)
        except Skipped as reason:
            result.skipped[str(reason)] += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, the case failed
            result.failed.append(f"case {number}: {type(error).__name__}: {error}")
        else:
            result.passed += 1
    return result


def _cases(path: Path) -> Iterator[Case]:
    loaded = json.loads(path.read_text())
    if isinstance(loaded, list):
        yield from loaded
        return
    for group in loaded["testGroups"]:  # wycheproof
        about = {key: value for key, value in group.items() if key != "tests"}
        for test in group["tests"]:
            yield {**test, "group": about, "file": path.name}
