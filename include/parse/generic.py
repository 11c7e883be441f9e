"""Forms that any program may write: a time first, then what it says; and, last of all, a time somewhere in the line."""

import pyarrow.compute as pc

from include.parse.line_format import LEVEL, PatternFormat, Texts
from include.parse.moments import BSD, CLF, CLOCK, COMPACT, CTIME, DAY_FIRST, EPOCH, ISO, SHORT_YEAR, Moment

_LEVEL_NEXT = rf"(?:(?P<before>[\[(<]?){LEVEL.replace('(?:', '(?i:', 1)}(?P<after>[\])>]?(?:\s*[:|-]\s+|\s+|$)))?"
_AFTER = r"(?:[\])]:?)?(?:\s*[|,;]\s*|\s*[:-]\s+|\s+|$)"


def _words_put_back(texts: Texts) -> Texts:
    """Leave a level in the text where it is a word of a sentence: neither in capitals nor set apart by a mark."""
    before, level, after = texts.pop("before"), texts["level"], texts.pop("after")
    marked = pc.or_(pc.not_equal(before, ""), pc.match_substring_regex(after, r"\S"))
    word = pc.invert(pc.or_(marked, pc.equal(level, pc.utf8_upper(level))))
    if not pc.any(word).as_py():
        return texts
    sentence = pc.binary_join_element_wise(before, level, after, texts["message"], "")
    message = pc.if_else(word, sentence, texts["message"])
    return {**texts, "level": pc.if_else(word, None, level), "message": message}


def _first(name: str, moment: Moment) -> PatternFormat:
    return PatternFormat(
        name, rf"^[\[(]?{moment.pattern}{_AFTER}{_LEVEL_NEXT}(?P<message>.*)$", moment, _words_put_back
    )


def _somewhere(name: str, moment: Moment, before: str) -> PatternFormat:
    return PatternFormat(name, rf"(?:^|{before}){moment.pattern}(?:[^\d]|$)", moment, whole=True)


TIME_FIRST = tuple(
    _first(f"{name} time first", moment)
    for name, moment in {
        "ISO": ISO,
        "short": SHORT_YEAR,
        "compact": COMPACT,
        "day-first": DAY_FIRST,
        "C": CTIME,
        "CLF": CLF,
        "BSD": BSD,
        "Unix": EPOCH,
        "clock": CLOCK,
    }.items()
)
TIME_INSIDE = (
    _somewhere("ISO time inside", ISO, r"[^\d]"),
    _somewhere("C time inside", CTIME, r"[^\w]"),
    _somewhere("Unix time inside", EPOCH, r"[\s\[(=:,]"),
)
