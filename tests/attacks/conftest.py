"""The adversary of a run, and the stage of those attacks that need no server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.adversary import Adversary
from tests.attacks.stage import Stage


@pytest.fixture
def adversary(request: pytest.FixtureRequest) -> Iterator[Adversary]:
    made = Adversary(request.param)
    yield made
    request.node.user_properties.append(("run", made.run))
    request.node.user_properties.append(("outcome", made.outcome))


@pytest.fixture
def stage(adversary: Adversary) -> Stage:
    return Stage(adversary)
