"""Before a port opens: does the source of randomness give what it should?

Nobody can prove that bytes are random. What breaks in practice (a stub, a device that always gives
the same, a count) is seen in a few draws.
"""

from __future__ import annotations

from mifeng_crypto.errors import StorageError
from mifeng_crypto.rand import Rng

__all__ = ["check_random"]

DRAWS, BYTES = 64, 32
FEWEST_VALUES = 200
"""Of 2,048 random bytes all 256 values are seen but for one time in ten; 200 nearly always."""


def check_random(rng: Rng) -> None:
    """See that draws differ, and that their bytes are spread.

    Raises:
        StorageError: they are not.
    """
    draws = [rng(BYTES) for _ in range(DRAWS)]
    whole = b"".join(draws)
    if len(set(draws)) < DRAWS or len(set(whole)) < FEWEST_VALUES or len(whole) != DRAWS * BYTES:
        raise StorageError(
            "this machine's source of randomness is broken, so no key of it would be secret; "
            "the server does not start"
        )
