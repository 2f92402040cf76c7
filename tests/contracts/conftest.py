"""What the contracts are tried on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.postgres import Cluster, cluster
from tests.support.seaweed import KEYS, Seaweed, seaweed


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    with pytest.MonkeyPatch.context() as patch, seaweed(tmp_path_factory.mktemp("s3")) as running:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        yield running
