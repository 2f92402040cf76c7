"""How often a device may commit in a unit: each commit makes everybody else begin again.

An honest device commits a few times a day; one that keeps on would let nobody else come first
(attack B27). `House.commits` says how many at once, and how many a second.
"""

from __future__ import annotations

import math

from mifeng_crypto.api.problems import ProblemCode
from mifeng_server.domain.house import House
from mifeng_server.domain.refusal import Refusal

__all__ = ["check_commit_rate"]


def check_commit_rate(house: House, unit_id: bytes, device_id: bytes, *, now: int) -> None:
    """Count an attempt.

    Raises:
        Refusal: too_many_requests.
    """
    wait_s = house.commits.take(unit_id + device_id, now)
    if wait_s:
        raise Refusal(
            ProblemCode.TOO_MANY_REQUESTS,
            "this device commits too often in this unit",
            retry_after_s=math.ceil(wait_s),
        )
