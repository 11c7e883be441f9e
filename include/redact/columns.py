"""Applies rules to text: whole Arrow columns at once, and only rows that a rule's pattern touches at all."""

import re
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from include.redact.rules import ALL, Rule


def redact_column(column: pa.Array, rules: Sequence[Rule] = ALL) -> tuple[pa.Array, Counter[str]]:
    """Return the column redacted, and how many things of each kind were hidden in it.

    A dictionary-encoded column has each distinct text looked at once, and counted once. Rules run until none finds
    anything more, because what one hides may uncover a word boundary for another; so a second call changes nothing.
    """
    if pa.types.is_dictionary(column.type):
        texts, counts = redact_column(column.dictionary, rules)
        return _encoded(column, texts), counts
    total: Counter[str] = Counter()
    if column.null_count:
        texts, total = redact_column(column.drop_null(), rules)
        return pc.replace_with_mask(column, column.is_valid(), texts) if total else column, total
    while True:
        changed, counts = _once(column, rules)
        if not counts:
            return column, total
        total += counts
        column = changed


def redact_text(text: str, rules: Sequence[Rule] = ALL) -> str:
    """Return one text redacted.

    >>> redact_text("paid by jane@example.org with 4111 1111 1111 1111")
    'paid by <email> with <card>'
    """
    redacted: str = redact_column(pa.array([text], pa.string()), rules)[0][0].as_py()
    return redacted


def _once(column: pa.Array, rules: Sequence[Rule]) -> tuple[pa.Array, Counter[str]]:
    counts: Counter[str] = Counter()
    for rule in rules:
        hit = pc.fill_null(pc.match_substring_regex(column, rule.pattern), False)
        if not pc.any(hit).as_py():
            continue
        found = column.filter(hit)
        if rule.check is None:
            number = pc.sum(pc.count_substring_regex(found, rule.pattern)).as_py()
            hidden = pc.replace_substring_regex(found, rule.pattern, rule.replacement)
        else:
            hidden, number = _checked(found, rule)
        if number:
            counts[rule.kind] += number
            column = pc.replace_with_mask(column, hit, hidden)
    return column, counts


def _checked(column: pa.Array, rule: Rule) -> tuple[pa.Array, int]:
    """Replace only what passes the rule's check; the few rows whose text fits the pattern are looked at one by one."""
    number = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal number
        if rule.check is None or not rule.check(match[0]):
            return match[0]
        number += 1
        return rule.replacement

    pattern = re.compile(rule.pattern, re.ASCII)
    return pa.array([pattern.sub(replace, text) for text in column.to_pylist()], column.type), number


def _encoded(column: pa.DictionaryArray, texts: pa.Array) -> pa.DictionaryArray:
    """Return the column over redacted texts, in which two may have become one."""
    again = texts.dictionary_encode()
    codes = again.indices.cast(column.indices.type).take(column.indices)
    return pa.DictionaryArray.from_arrays(codes, again.dictionary)
