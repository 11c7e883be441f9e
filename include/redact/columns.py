"""Applies rules to text: whole Arrow columns at once, and only rows that any rule's pattern touches at all.

One pattern made of all rare rules finds those rows: RE2 runs it as fast as a single one. It is compiled in every call,
so it is made of triggers, which are short. Only the rows found are looked at by each rule, again and again until none
finds anything more; so a second call changes nothing.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from include.redact.escapes import unescaped
from include.redact.rules import ALL, Rule


def redact_column(column: pa.Array, rules: Sequence[Rule] = ALL) -> tuple[pa.Array, Counter[str]]:
    """Return the column redacted, and how many things of each kind were hidden in it.

    A dictionary-encoded column has each distinct text looked at once, and counted once.
    """
    if pa.types.is_dictionary(column.type):
        texts, counts = redact_column(column.dictionary, rules)
        return (_encoded(column, texts) if counts else column), counts
    if column.null_count == len(column):
        return column, Counter()
    if column.null_count:
        texts, total = _read(column.drop_null(), tuple(rules))
        return (pc.replace_with_mask(column, column.is_valid(), texts) if total else column), total
    return _read(column, tuple(rules))


def redact_text(text: str, rules: Sequence[Rule] = ALL) -> str:
    """Return one text redacted.

    >>> redact_text("paid by jane@example.org with 4111 1111 1111 1111")
    'paid by <email> with <card>'
    """
    redacted: str = redact_column(pa.array([text], pa.string()), rules)[0][0].as_py()
    return redacted


def _read(column: pa.Array, rules: tuple[Rule, ...]) -> tuple[pa.Array, Counter[str]]:
    """Return texts redacted, JSON's escapes of plain characters read first; texts in which nothing is found stay."""
    redacted, total = _redacted(unescaped(column), rules)
    return (redacted if total else column), total


def _redacted(column: pa.Array, rules: tuple[Rule, ...]) -> tuple[pa.Array, Counter[str]]:
    """Return texts redacted. Rows that change are looked at again, as one thing hidden may uncover another."""
    changed, total = _once(column, rules)
    if total:
        again = pc.not_equal(changed, column)
        texts, more = _redacted(changed.filter(again), rules)
        if more:
            changed = pc.replace_with_mask(changed, again, texts)
            total += more
    return changed, total


def _once(column: pa.Array, rules: tuple[Rule, ...]) -> tuple[pa.Array, Counter[str]]:
    """Apply each rule once, in order; most rows are touched by rules that are common at most, and skip the others."""
    rare = _touched(column, _rare(rules))
    if rare is None:
        return _in_turn(column, _common(rules))
    plain = pc.invert(rare)
    usual, counts = _in_turn(column.filter(plain), _common(rules))
    odd, more = _in_turn(column.filter(rare), rules)
    if not counts and not more:
        return column, counts
    return pc.replace_with_mask(pc.replace_with_mask(column, plain, usual), rare, odd), counts + more


@lru_cache(maxsize=64)
def _rare(rules: tuple[Rule, ...]) -> str:
    """Return the pattern of rows that need more than the common rules, or a second look at what these find."""
    patterns = [rule.unless if rule.common else rule.trigger or rule.pattern for rule in rules]
    return "|".join(f"(?:{pattern})" for pattern in patterns if pattern)


@lru_cache(maxsize=64)
def _common(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return the common rules for rows of which `unless` is already known not to touch any."""
    return tuple(replace(rule, unless=None, check=None) for rule in rules if rule.common)


def _touched(column: pa.Array, pattern: str) -> pa.Array | None:
    """Return which rows the pattern touches, or None where there is none."""
    if not pattern:
        return None
    hit = pc.match_substring_regex(column, pattern)
    return hit if pc.any(hit).as_py() else None


def _in_turn(column: pa.Array, rules: tuple[Rule, ...]) -> tuple[pa.Array, Counter[str]]:
    total: Counter[str] = Counter()
    for rule in rules:
        touched = _touched(column, rule.pattern)
        if touched is not None:
            hidden, number = _applied(column.filter(touched), rule)
            if number:
                column = pc.replace_with_mask(column, touched, hidden)
                total[rule.kind] += number
    return column, total


def _applied(column: pa.Array, rule: Rule) -> tuple[pa.Array, int]:
    """Apply one rule to rows that all fit its pattern; return how many things were hidden."""
    if rule.check is None:
        return _replaced(column, rule)
    if rule.unless is None:
        return _checked(column, rule)
    odd = pc.match_substring_regex(column, rule.unless)
    if not pc.any(odd).as_py():
        return _replaced(column, rule)
    plain = pc.invert(odd)
    texts, number = _replaced(column.filter(plain), rule)
    checked, more = _checked(column.filter(odd), rule)
    return pc.replace_with_mask(pc.replace_with_mask(column, plain, texts), odd, checked), number + more


def _replaced(column: pa.Array, rule: Rule) -> tuple[pa.Array, int]:
    texts = pc.replace_substring_regex(column, rule.pattern, rule.replacement)
    return texts, _placeholders(texts, rule) - _placeholders(column, rule)


def _placeholders(column: pa.Array, rule: Rule) -> int:
    return pc.sum(pc.count_substring(column, rule.placeholder)).as_py() or 0


def _checked(column: pa.Array, rule: Rule) -> tuple[pa.Array, int]:
    """Replace only what passes the rule's check; the few rows whose text fits the pattern are looked at one by one."""
    pattern = rule.exact or _compiled(rule.pattern)
    check = rule.check
    number = 0

    def hide(match: re.Match[str]) -> str:
        nonlocal number
        named = "it" in pattern.groupindex
        it = match["it"] if named else match[0]
        length = check(it) if check else len(it)
        if not length:
            return match[0]
        number += 1
        before = match[0][: match.start("it") - match.start()] if named else ""
        return f"{before}{rule.placeholder}{it[length:]}"

    return pa.array([pattern.sub(hide, text) for text in column.to_pylist()], column.type), number


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def _encoded(column: pa.DictionaryArray, texts: pa.Array) -> pa.DictionaryArray:
    """Return the column over redacted texts, in which two may have become one."""
    again = texts.dictionary_encode()
    codes = again.indices.cast(column.indices.type).take(column.indices)
    return pa.DictionaryArray.from_arrays(codes, again.dictionary)
