"""`make vectors` keeps only files whose sums are the project's."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from scripts import fetch_vectors
from scripts.fetch_vectors import UPSTREAM_FOLDER, VectorError, checked, fetch, read_sums


@pytest.fixture
def upstream(vectors_dir: Path, tmp_path: Path) -> Path:
    """The files at their places in the upstream repository, as a mirror on disk."""
    for name in read_sums():
        folder, _, file = name.partition("/")
        place = tmp_path / "upstream" / UPSTREAM_FOLDER[folder] / file
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(vectors_dir / "mls" / name, place)
    return tmp_path / "upstream"


def test_every_file_of_a_mirror_is_fetched_once(upstream: Path, tmp_path: Path) -> None:
    target = tmp_path / "mls"
    assert fetch(upstream.as_uri(), target) == len(read_sums())
    assert fetch(upstream.as_uri(), target) == 0
    assert {str(p.relative_to(target)) for p in target.rglob("*.json")} == set(read_sums())


def test_an_altered_file_is_refused_and_not_written(upstream: Path, tmp_path: Path) -> None:
    with (upstream / "test-vectors/welcome.json").open("ab") as file:
        file.write(b" ")
    with pytest.raises(VectorError, match="SHA-256 is .* not written"):
        fetch(upstream.as_uri(), tmp_path / "mls")
    assert not (tmp_path / "mls/test-vectors/welcome.json").exists()


def test_whitespace_is_removed_before_the_sum_of_the_one_file_that_had_it() -> None:
    compact = b'{"a":[1,2]}'
    digest = hashlib.sha256(compact).hexdigest()
    spaced = json.dumps(json.loads(compact), indent=2).encode()
    assert checked(fetch_vectors.COMPACTED, spaced, digest) == compact
    with pytest.raises(VectorError):
        checked("configs/commit.json", spaced, digest)


def test_what_cannot_be_reached_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(VectorError, match="needs a network"):
        fetch((tmp_path / "nowhere").as_uri(), tmp_path / "mls")
