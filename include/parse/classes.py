"""The class of a log line, by its level and the words of its template: CRITICAL, INTERESTING or ROUTINE."""

import re
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from include.config.logs import LogRules, WordRule

CRITICAL = "CRITICAL"
INTERESTING = "INTERESTING"
ROUTINE = "ROUTINE"
CLASSES = (ROUTINE, INTERESTING, CRITICAL)
"""From what is sampled to what matters most."""

_CRITICAL_LEVELS = ("ERROR", "FATAL")
_INTERESTING_LEVELS = ("WARN",)


def classes_of(templates: pa.Array, levels: pa.Array, lines: pa.Array, rules: LogRules) -> pa.Array:
    """Return the class of each pair of template and level; `lines` is how often its template came in the window."""
    words = _words(templates)
    critical = pc.or_(pc.is_in(levels, pa.array(_CRITICAL_LEVELS)), _any(words, rules.critical.values()))
    interesting = pc.or_(pc.is_in(levels, pa.array(_INTERESTING_LEVELS)), _any(words, rules.interesting.values()))
    interesting = pc.or_(interesting, pc.less(lines, rules.rare_lines))
    return pc.if_else(critical, CRITICAL, pc.if_else(interesting, INTERESTING, ROUTINE))


def _words(templates: pa.Array) -> pa.Array:
    """Return the templates with `PaymentDeclined` and `payment_declined` written as two words."""
    return pc.replace_substring_regex(pc.replace_substring_regex(templates, r"([a-z])([A-Z])", r"\1 \2"), "_", " ")


def _any(words: pa.Array, rules: Iterable[WordRule]) -> pa.Array:
    found = pa.repeat(pa.scalar(False), len(words))
    for rule in rules:
        hit = pc.match_substring_regex(words, _pattern(rule.says), ignore_case=True)
        if rule.about:
            hit = pc.and_(hit, pc.match_substring_regex(words, _pattern(rule.about), ignore_case=True))
        found = pc.or_(found, hit)
    return found


def _pattern(words: Iterable[str]) -> str:
    """Return one pattern for words and phrases; a `*` at the end stands for any letters."""
    each = (
        re.escape(word.removesuffix("*").replace("_", " ")) + (r"\w*" if word.endswith("*") else "") for word in words
    )
    return rf"(?:^|\W)(?:{'|'.join(each)})(?:\W|$)"
