"""Find people by a few letters: Chinese characters, pinyin, initials, Latin names.

A text is a row of tokens: a Chinese character with its readings, or a word. A query spells a text
if it can be cut into beginnings of consecutive tokens: `zhangs`, `zs` and `张s` spell 张三, and
`tw` spells Tomas Weber. Several words of a query must all be spelt by something of the person.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from mifeng_crypto.ids import MemberId
from mifeng_crypto.ledger.card import Card

__all__ = ["HAN", "Search", "folded", "spellings"]

HAN = "〇㐀-䶿一-鿿\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"[{HAN}]|[^\W_{HAN}]+")
_WORD = re.compile(r"[^\W_]+")
MAX_QUERY = 100
"""Characters that are looked at."""

Token = tuple[str, ...]
"""What a token can be spelt as; a character is its own first spelling."""


class Search:
    """An index over cards. It does not change: make a new one when a card does."""

    def __init__(self, cards: Iterable[Card]) -> None:
        texts = dict[tuple[int, str], int]()
        self._owners = list[list[int]]()
        self._texts = list[tuple[int, tuple[Token, ...]]]()
        self._starts = defaultdict[str, list[tuple[int, int]]](list)
        ordered = sorted(cards, key=lambda card: (_sounds(card.name), card.name, card.member_id))
        self._people = [card.member_id for card in ordered]
        for person, card in enumerate(ordered):
            for place, text in enumerate((card.name, card.department, card.title)):
                at = texts.setdefault((place, text), len(texts))
                if at == len(self._texts):
                    self._add_text(place, _tokens(text))
                self._owners[at].append(person)

    def _add_text(self, place: int, tokens: tuple[Token, ...]) -> None:
        at = len(self._texts)
        self._texts.append((place, tokens))
        self._owners.append([])
        for start in range(len(tokens)):
            for beginning in _beginnings(tokens, start):
                self._starts[beginning].append((at, start))

    def find(self, query: str) -> tuple[MemberId, ...]:
        """Return whom the query spells, the likeliest first.

        Names come before departments and titles, beginnings before what stands further inside,
        whole syllables before parts of them, short before long; then the order of pinyin.
        """
        words = _WORD.findall(folded(query[:MAX_QUERY]))
        if not words:
            return ()
        total = self._costs(words[0])
        for word in words[1:]:
            more = self._costs(word)
            total = {person: total[person] + more[person] for person in total.keys() & more.keys()}
        n = len(self._people)
        return tuple(
            self._people[rank % n]
            for rank in sorted(cost * n + person for person, cost in total.items())
        )

    def _costs(self, word: str) -> dict[int, int]:
        """What it takes to spell each person so, for all that can be."""
        by_text = dict[int, int]()
        for at, start in self._starts.get(word[:2], ()):
            place, tokens = self._texts[at]
            unfinished = _unfinished(word, tokens, start)
            if unfinished is None:
                continue
            cost = (place * 2 + (start > 0)) * 16 + min(unfinished, 15)
            cost = cost * 16 + min(len(tokens), 15)
            by_text[at] = min(cost, by_text.get(at, cost))
        by_person = dict[int, int]()
        for at, cost in by_text.items():
            for person in self._owners[at]:
                by_person[person] = min(cost, by_person.get(person, cost))
        return by_person


def _unfinished(word: str, tokens: tuple[Token, ...], start: int) -> int | None:
    """Return how few tokens are spelt only in part when `word` spells from `start`, if it does."""
    best: int | None = None
    reached = {0: 0}  # letters used -> tokens that were left unfinished
    for token in tokens[start:]:
        following = dict[int, int]()
        for used, cost in reached.items():
            for spelling in token:
                for n in range(1, min(len(spelling), len(word) - used) + 1):
                    if spelling[n - 1] != word[used + n - 1]:
                        break
                    now = cost + (n < len(spelling))
                    if used + n == len(word):
                        best = now if best is None else min(best, now)
                    else:
                        following[used + n] = min(now, following.get(used + n, now))
        if not following:
            break
        reached = following
    return best


def _beginnings(tokens: tuple[Token, ...], start: int) -> set[str]:
    """All first one and two letters of what spells from `start`: by these it is looked up."""
    following = {s[0] for s in tokens[start + 1]} if start + 1 < len(tokens) else set[str]()
    found = set[str]()
    for spelling in tokens[start]:
        found |= {spelling[0], spelling[:2], *(spelling[0] + letter for letter in following)}
    return found


def _tokens(text: str) -> tuple[Token, ...]:
    return tuple(
        spellings(token) if _is_han(token) else (token,) for token in _TOKEN.findall(folded(text))
    )


def _sounds(text: str) -> tuple[str, ...]:
    """What a name is sorted by."""
    return tuple(token[min(1, len(token) - 1)] for token in _tokens(text))


def _is_han(token: str) -> bool:
    return re.fullmatch(f"[{HAN}]", token) is not None


@functools.cache
def spellings(character: str) -> Token:
    """A character, and its readings without tones; ü also as v, u and yu, as people type it."""
    # A fifth of a second, and not needed where nobody has a Chinese name.
    from pypinyin import Style, pinyin  # noqa: PLC0415

    readings = pinyin(character, style=Style.NORMAL, heteronym=True, v_to_u=False, errors="ignore")
    found = dict.fromkeys([character])
    for reading in readings[0] if readings else []:
        found |= dict.fromkeys([reading])
        if "v" in reading:
            found |= dict.fromkeys([reading.replace("v", "u"), reading.replace("v", "yu")])
    return tuple(found)


def folded(text: str) -> str:
    """Without case, accents and widths."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in apart if not unicodedata.combining(c))
