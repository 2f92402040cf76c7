"""Randomness that repeats: tests must be red again tomorrow."""

from __future__ import annotations

import random

from mifeng_crypto.rand import Rng


def seeded(seed: int) -> Rng:
    return random.Random(seed).randbytes
