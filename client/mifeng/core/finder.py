"""Find messages by what they say: Chinese by characters, pinyin and initials; words; file names.

Everything is in memory, folded from what is live: what has expired, was deleted or edited away is
found no more, because it is no more. Ten thousand short texts are looked through one by one, which
takes a few milliseconds and needs no index that would outlive them.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mifeng.content.documents import Announcement, Form, Poll, Statement
from mifeng.content.documents.approval import Passage
from mifeng.core.search import HAN, folded, spellings
from mifeng.core.timeline import Line, Timeline
from mifeng_crypto.errors import UsageError
from mifeng_crypto.ids import MemberId, UnixMillis

__all__ = ["Finder", "Query", "parse"]

MAX_QUERY = 200
"""Characters that are looked at."""
MAX_TEXT = 20_000
"""Characters of one message that are looked through."""

_RUN = re.compile(rf"[{HAN}]+|[^\W_{HAN}]+")
_FILTER = re.compile(r'(from|in|has|before):(?:"([^"]*)"|(\S*))', re.IGNORECASE)
_LINK = re.compile(r"\]\(mimi://[^)]*\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is looked for.

    Attributes:
        words: all of them must be found.
        people: each a name, or the beginning of one: it must be by one of them.
        units: likewise: it must be in one of them.
        has_file: whether it must show a file.
        before: a day, `2026-01-31`: it must be from before.
    """

    words: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    has_file: bool = False
    before: str = ""


def parse(text: str) -> Query:
    """Read a query: words, and filters `from:`, `in:`, `has:file`, `before:2026-01-31`.

    Raises:
        UsageError: a filter is none, or there is nothing to look for.
    """
    text = text[:MAX_QUERY]
    people, units, has_file, before = list[str](), list[str](), False, ""
    for match in _FILTER.finditer(text):
        name, value = match[1].lower(), match[2] or match[3] or ""
        if not value or (name == "has" and value != "file"):
            raise UsageError("{filter} says nothing; write has:file or from:NAME", filter=match[0])
        match name:
            case "from":
                people.append(value)
            case "in":
                units.append(value)
            case "has":
                has_file = True
            case _:
                before = value
    words = tuple(_RUN.findall(folded(_FILTER.sub(" ", text))))
    if not (words or people or units or has_file or before):
        raise UsageError("there is nothing to look for; write a word, or a filter such as has:file")
    return Query(
        words=words, people=tuple(people), units=tuple(units), has_file=has_file, before=before
    )


@dataclass(frozen=True, slots=True)
class _Text:
    """A line made ready.

    Attributes:
        line: which.
        hay: all of the following in one: what a word is not in here, it is nowhere.
        runs: its words and runs of Chinese characters, each behind a space.
        initials: of the syllables of its Chinese characters.
        sounds: how these are read, and where in that syllables begin.
    """

    line: Line
    hay: str
    runs: str
    initials: str
    sounds: tuple[tuple[str, frozenset[int]], ...]


@dataclass(slots=True)
class Finder:
    """Looks through the timeline of one unit. It keeps the texts of lines that are still there."""

    _texts: dict[int, _Text] = field(default_factory=dict)
    _timeline: Timeline | None = None
    _seen: int = 0

    def find(
        self,
        timeline: Timeline,
        words: Iterable[str],
        *,
        by: frozenset[MemberId] | None = None,
        has_file: bool = False,
        before: UnixMillis | None = None,
    ) -> Iterator[Line]:
        """Yield the lines that fit, newest first.

        Args:
            timeline: as it is now.
            words: folded; all must be found.
            by: by whom; None for anybody.
            has_file: whether it must show a file.
            before: accepted before this time.
        """
        self._follow(timeline)
        wanted = tuple(words)
        for text in reversed(self._texts.values()):
            hay = text.hay
            for word in wanted:
                if word not in hay:
                    break
            else:
                line = text.line
                if (
                    (by is None or line.author in by)
                    and (before is None or line.record.accepted_at < before)
                    and (not has_file or (line.said is not None and line.said.attachments))
                    and all(_has(text, word) for word in wanted)
                ):
                    yield line

    def _follow(self, timeline: Timeline) -> None:
        """Forget what is no more, and read what is new or has changed."""
        if self._timeline is not timeline:
            self._timeline, self._seen, self._texts = timeline, 0, {}
        for sequence in timeline.journal[self._seen :]:
            line = timeline.line(sequence)
            if line is None or line.said is None:
                self._texts.pop(sequence, None)
                continue
            held = self._texts.get(sequence)
            if held is None or held.line.said is not line.said:
                self._texts[sequence] = _text_of(line)
            elif held.line is not line:
                self._texts[sequence] = dataclasses.replace(held, line=line)
        self._seen = len(timeline.journal)


def _has(text: _Text, word: str) -> bool:
    if _is_han(word):
        return word in text.runs
    if " " + word in text.runs or (len(word) > 1 and word in text.initials):
        return True
    for sound, starts in text.sounds:
        at = sound.find(word)
        while at >= 0:
            if at in starts:
                return True
            at = sound.find(word, at + 1)
    return False


def _text_of(line: Line) -> _Text:
    assert line.said is not None, "the caller has looked"
    said = line.said
    parts = [_LINK.sub(" ", said.text), *(file.name for file in said.attachments)]
    match said.document.body if isinstance(said.document, Statement) else said.document:
        case Announcement(title, text):
            parts += title, text
        case Poll(question, choices):
            parts += question, *choices
        case Form(_, title, answers):
            parts += title, *(a.value.text for a in answers if isinstance(a.value, Passage))
    runs = _RUN.findall(folded("\n".join(parts)[:MAX_TEXT]))
    chinese = [run for run in runs if _is_han(run[0])]
    sounds = {_sound(chinese, reading) for reading in (0, 1)} if chinese else set()
    initials = " ".join("".join(_reading(c, 0)[:1] for c in run) for run in chinese)
    joined = " " + " ".join(runs)
    hay = "\n".join([joined, initials, *(sound for sound, _ in sounds)])
    return _Text(line, hay, joined, initials, tuple(sounds))


def _sound(runs: Iterable[str], reading: int) -> tuple[str, frozenset[int]]:
    """How runs sound with the first (or, where there is one, second) reading of each character."""
    pieces, starts, at = list[str](), set[int](), 0
    for run in runs:
        for character in run:
            syllable = _reading(character, reading)
            pieces.append(syllable)
            starts.add(at)
            at += len(syllable)
        pieces.append(" ")
        at += 1
    return "".join(pieces), frozenset(starts)


@functools.cache
def _reading(character: str, n: int) -> str:
    readings = spellings(character)[1:]
    return readings[min(n, len(readings) - 1)] if readings else ""


def _is_han(word: str) -> bool:
    return re.match(f"[{HAN}]", word) is not None
