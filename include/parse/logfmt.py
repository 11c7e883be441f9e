"""Logfmt: `key=value key="a value"` all along the line, as Go programs write it.

Lines of one program have few shapes, which are their keys in order. For each frequent shape the whole line is one
pattern, so that a column of lines is read at once; lines of rare shapes are read one by one.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.parse.any_time import any_times
from include.parse.attributes import attributes
from include.parse.json_lines import KEYS
from include.parse.line_format import Found, Mask, Texts, nothing_found
from include.parse.moments import Clues
from include.parse.numbers_of_text import Ints
from include.parse.text import without_controls

_KEY = r"[A-Za-z_@][\w.@/-]*"
_VALUE = r'(?:"(?:[^"\\]|\\.)*"|[^\s"=]*)'
_LINE = rf"^\s*(?:{_KEY}={_VALUE}\s+)+{_KEY}={_VALUE}\s*$"
_WITH_TIME = r"(?:^|\s)(?:@timestamp|timestamp|time|ts|t)="
_PAIR = re.compile(rf"({_KEY})=({_VALUE})")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_SAMPLE = 1000
_MANY = 40
"""So many shapes at most have a pattern of their own, each of more than one line in so many."""


class Logfmt:
    """Pairs of a key and a value, and nothing else."""

    name = "logfmt"

    def fits(self, lines: pa.Array) -> Mask:
        """Return which lines are pairs, one of them a time."""
        pairs, timed = pc.match_substring_regex(lines, _LINE), pc.match_substring_regex(lines, _WITH_TIME)
        found: Mask = pc.and_(pairs, timed).to_numpy(zero_copy_only=False)
        return found

    def read(self, lines: pa.Array, clues: Clues) -> Found:
        """Return what the pairs say; a line that has anything else does not fit."""
        left: Ints = np.arange(len(lines))
        places, parts = [], []
        for shape in _shapes(lines):
            rows = lines if len(left) == len(lines) else lines.take(pa.array(left))
            fit, texts = _of_shape(rows, shape)
            if fit.any():
                places.append(left[fit])
                parts.append(texts)
                left = left[~fit]
        rare = left[pc.match_substring_regex(lines.take(pa.array(left)), _LINE).to_numpy(zero_copy_only=False)]
        if len(rare):
            places.append(rare)
            parts.append(_one_by_one(lines.take(pa.array(rare)).to_pylist()))
        if not parts:
            return nothing_found(lines)
        place = np.concatenate(places)
        fits: Mask = np.zeros(len(lines), bool)
        fits[place] = True
        texts = {name: pa.concat_arrays([part[name] for part in parts]) for name in parts[0]}
        if len(parts) > 1:
            back = pa.array(np.argsort(place))
            texts = {name: text.take(back) for name, text in texts.items()}
        silent = texts["message"].is_null()
        if pc.any(silent).as_py():
            # Pairs without a text are their own text: what they say is all that a reader has.
            texts["message"] = pc.if_else(silent, lines.filter(pa.array(fits)), texts["message"])
            texts["attributes"] = pc.if_else(silent, None, texts["attributes"])
        ts = any_times(texts.pop("ts").to_pylist(), clues)
        return Found(fits, ts, texts)


def _shapes(lines: pa.Array) -> list[list[str]]:
    """Return the keys in order of the frequent shapes, the most frequent first, as far as a sample tells."""
    if not len(lines):
        return []
    sample = lines.take(pa.array(np.unique(np.linspace(0, len(lines) - 1, _SAMPLE).astype(int))))
    sample = sample.filter(pc.match_substring_regex(sample, _LINE))
    shapes = Counter(pc.replace_substring_regex(sample, f"={_VALUE}", "=").to_pylist())
    return [
        shape.replace("=", " ").split() for shape, times in shapes.most_common(_MANY) if times > len(sample) / _MANY
    ]


def _of_shape(rows: pa.Array, keys: list[str]) -> tuple[Mask, Texts]:
    """Return which lines have these keys in this order, and their columns."""
    pattern = r"^\s*" + r"\s+".join(f"{re.escape(key)}=(?P<v{at}>{_VALUE})" for at, key in enumerate(keys)) + r"\s*$"
    struct = pc.extract_regex(rows, pattern)
    fit: Mask = struct.is_valid().to_numpy(zero_copy_only=False)
    values = [_unquoted(value) for value in struct.drop_null().flatten()]
    return fit, _columns(keys, values, int(fit.sum()))


def _one_by_one(rows: list[str]) -> Texts:
    pairs = [
        dict(zip(_distinct([key for key, _ in found]), (value for _, value in found), strict=True))
        for found in map(_PAIR.findall, rows)
    ]
    keys = list(dict.fromkeys(key for row in pairs for key in row))
    values = [_unquoted(pa.array([row.get(key) for row in pairs], pa.string())) for key in keys]
    return _columns(keys, values, len(rows))


def _columns(keys: Sequence[str], values: Sequence[pa.Array], size: int) -> Texts:
    """Return values by the column to which their key belongs; all others are attributes."""
    named = dict(zip(_distinct(keys), values, strict=True))
    texts: Texts = {}
    for column, names in KEYS.items():
        key = next((name for name in names if name in named), None)
        texts[column] = pa.nulls(size, pa.string()) if key is None else named.pop(key)
    texts["attributes"] = attributes(named) if named else pa.nulls(size, pa.string())
    return texts


def _distinct(keys: Sequence[str]) -> list[str]:
    """Return the keys, a repeated one with its number, so that no value is lost."""
    seen: dict[str, int] = {}
    out = []
    for key in keys:
        seen[key] = seen.get(key, 0) + 1
        out.append(key if seen[key] == 1 else f"{key}_{seen[key]}")
    return out


def _unquoted(values: pa.Array) -> pa.Array:
    quoted = pc.fill_null(pc.starts_with(values, '"'), False)
    if not pc.any(quoted).as_py():
        return values
    inner = pc.utf8_slice_codeunits(values.filter(quoted), 1, -1)
    escaped = pc.match_substring(inner, "\\")
    if pc.any(escaped).as_py():
        plain = [
            _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), text)
            for text in inner.filter(escaped).to_pylist()
        ]
        inner = pc.replace_with_mask(inner, escaped, pa.array(plain, pa.string()))
    return pc.replace_with_mask(values, quoted, without_controls(inner))
