"""How an attack is played: honestly, dishonestly, and with the victim's check taken out.

A test of a row takes `adversary` and asks `adversary.on` before it misbehaves. `attack` plays it

    honest            with the misbehaviour off: all must go well
    attacked          the oracles must hold
    without <check>   the same, with a rule of the product replaced by nothing: now an oracle MUST
                      fail. A row whose test passes even so would prove nothing.

The oracles: O1 no plaintext at the server, O2 the error is the named one, O3 the victim stays as it
was and asks the server no more than a few times, O4 the user is told, O5 the others go on, O6 what
the victim has kept can be audited without a secret and without the server (`auditor.py`).
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar, cast

import pytest

from mifeng_crypto.errors import MifengError
from tests.attacks.checks import without

__all__ = ["ATTACKED", "HONEST", "Adversary", "OracleError", "attack"]

HONEST, ATTACKED, WITHOUT = "honest", "attacked", "without "

Test = TypeVar("Test", bound=Callable[..., Any])


class OracleError(AssertionError):
    """An oracle does not hold: nobody refuses, or another rule than the named one does."""


@dataclass
class Adversary:
    """What one run is to do, and what it found."""

    run: str = HONEST
    refused_by: list[str] = field(default_factory=list)
    outcome: str = ""

    @property
    def on(self) -> bool:
        """Whether to misbehave."""
        return self.run != HONEST

    @contextlib.contextmanager
    def refused(self, *rules: str) -> Iterator[None]:
        """O2: what is inside raises the named error; if nobody misbehaves, it raises none."""
        if not self.on:
            yield
            return
        try:
            yield
        except MifengError as err:
            self.named(err, *rules)
        else:
            self.succeeds()

    def named(self, err: BaseException | None, *rules: str) -> None:
        """O2, O4: an error that was kept for the user is the named one, and says something."""
        if err is None:
            self.succeeds()
        rule = getattr(err, "rule", "") or type(err).__name__
        if rule not in rules:
            raise OracleError(f"refused by {rule}, not by {' or '.join(rules)}") from err
        assert str(err), "O4: the user is told nothing"
        self.refused_by.append(rule)

    def succeeds(self) -> NoReturn:
        raise OracleError("nobody refuses it: the attack succeeds")


def attack(*checks: str) -> Callable[[Test], Test]:
    """Play a test in all its runs.

    Args:
        checks: of `tests.attacks.checks`; each is taken out in a run of its own, and several joined
            by " + " together in one.
    """
    runs = [HONEST, ATTACKED, *(WITHOUT + names for names in checks)]

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def play(**fixtures: Any) -> None:  # noqa: ANN401 - whatever the test asks for
            with _expected(fixtures["adversary"]):
                test(**fixtures)

        @functools.wraps(test)
        async def play_async(**fixtures: Any) -> None:  # noqa: ANN401 - whatever the test asks for
            with _expected(fixtures["adversary"]):
                await test(**fixtures)

        made = play_async if inspect.iscoroutinefunction(test) else play
        return cast("Test", pytest.mark.parametrize("adversary", runs, indirect=True)(made))

    return decorate


@contextlib.contextmanager
def _expected(adversary: Adversary) -> Iterator[None]:
    if not adversary.run.startswith(WITHOUT):
        yield
        if adversary.on:
            assert adversary.refused_by, "an attack that nothing refuses proves nothing"
            adversary.outcome = ", ".join(dict.fromkeys(adversary.refused_by))
        return
    with without(adversary.run.removeprefix(WITHOUT).split(" + ")):
        try:
            yield
        except (AssertionError, pytest.fail.Exception) as err:
            adversary.outcome = str(err).splitlines()[0] if str(err) else "an oracle fails"
            return
        except MifengError as err:
            adversary.outcome = f"another check stands behind it: {err}"
            return
    pytest.fail("all oracles hold although the check is gone: it is not what refuses the attack")
