"""The manual: prose and examples for each command, in `en.md` and `zh_CN.md`.

    ## unit create          a command, by its words
    Text, in paragraphs.

        mifeng unit create Sales

What is indented is an example. The tests parse every one of them.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Page", "manual", "page_of"]


@dataclass(frozen=True, slots=True)
class Page:
    """What the manual says of one command."""

    prose: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


def page_of(words: Sequence[str], language: str) -> Page:
    """Return the page of a command; the first of all is that of `mifeng` itself."""
    return manual(language).get(" ".join(words) or "mifeng", Page())


@functools.cache
def manual(language: str) -> Mapping[str, Page]:
    """Return all pages in a language, by the words of their commands."""
    text = (Path(__file__).parent / f"{language}.md").read_text(encoding="utf-8")
    _, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    return dict(_read(section) for section in sections)


def _read(section: str) -> tuple[str, Page]:
    heading, _, body = section.partition("\n")
    lines = body.splitlines()
    prose = "\n".join("" if line.startswith("    ") else line for line in lines)
    paragraphs = (" ".join(one.split()) for one in re.split(r"\n\s*\n", prose))
    examples = tuple(line.strip() for line in lines if line.startswith("    "))
    return heading.strip(), Page(tuple(one for one in paragraphs if one), examples)
