"""A vector and its file: one fault, the rule that names it, and the same thing without it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NEGATIVE, POSITIVE, STATES = HERE / "negative", HERE / "positive", HERE / "states"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """One fault.

    Attributes:
        rule: the id of the broken rule; "codec" where the bytes are no encoding at all.
        what: what is wrong, in a few words; the file is named after it.
        verb: what is done with the input: process, propose, decrypt, join, key_package,
            group_info, decode.
        input: for the verb; byte strings in hex.
        control: the same without the fault; it passes.
        state: the file of the receiver's state, for verbs of a member.
    """

    rule: str
    what: str
    verb: str
    input: dict[str, Any]
    control: dict[str, Any]
    state: str | None = None

    @property
    def name(self) -> str:
        words = re.sub(r"[^a-z0-9]+", "-", self.what.lower()).strip("-")
        return f"{self.rule.removeprefix('RFC9420-')}-{self.verb.replace('_', '-')}-{words}"

    def write(self, folder: Path) -> None:
        content = {
            "rule": self.rule,
            "what": self.what,
            "verb": self.verb,
            "state": self.state,
            "input": self.input,
            "control": self.control,
        }
        path = folder / f"{self.name}.json"
        assert not path.exists(), f"two vectors are called {self.name}"
        write_json(path, content)

    @classmethod
    def read(cls, path: Path) -> Vector:
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


@dataclass
class Collector:
    """Collects the vectors of one state and verb that share a control."""

    verb: str
    control: dict[str, Any]
    state: str | None = None
    vectors: list[Vector] = field(default_factory=list)

    def __call__(self, rule: str, what: str, **changes: Any) -> None:  # noqa: ANN401
        """Add a vector whose input is the control with these values changed."""
        self.vectors.append(
            Vector(
                rule=rule if rule.startswith(("KEY", "codec")) else f"RFC9420-{rule}",
                what=what,
                verb=self.verb,
                input=self.control | {k: as_json(v) for k, v in changes.items()},
                control=self.control,
                state=self.state,
            )
        )


def as_json(value: Any) -> Any:  # noqa: ANN401
    """Return bytes as hex, and sequences of them as lists."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    return value
