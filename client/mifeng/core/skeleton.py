"""What a name looks like: two names with one skeleton can be taken for each other.

In the spirit of Unicode UTS #39, section 4, for names of people: without case, accents, spaces and
punctuation; letters of other alphabets, digits and characters go by what they look like.
"""

from __future__ import annotations

import functools
import unicodedata

__all__ = ["skeleton"]

_ALIKE = (
    # Cyrillic
    str.maketrans("аеорсухіїјѕһԁԛԝѵӏкмт", "aeopcyxiijshdqwvlkmt")
    | str.maketrans("АВЕКМНОРСТУХІЇЈЅҮҺѴ", "ABEKMHOPCTYXIIJSYHV")
    # Greek
    | str.maketrans("αβγεηικνορτυχω", "abyenikvoptuxw")
    | str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX")
    # Armenian, and Latin of other shapes
    | str.maketrans("օսհոցաıɑɡɩłøđħŧŁØĐĦŦ", "ouhnguiagilodhtLODHT")
    # Characters of which even the attentive see only one
    | str.maketrans("曰士未已巳戌戊入壬", "日土末己己戍戍人王")
)
_THEN = str.maketrans("01i|5", "olllS".lower())


@functools.lru_cache(maxsize=1 << 16)
def skeleton(name: str) -> str:
    """Return what stands for everything that looks like this name."""
    if not name.isascii():
        name = unicodedata.normalize("NFKC", name).translate(_ALIKE)
        name = unicodedata.normalize("NFKD", name)
    kept = "".join(c for c in name.casefold().translate(_THEN) if c.isalnum())
    return kept.replace("rn", "m").replace("vv", "w")
