"""Logfmt: `key=value key="a value"` all along the line, as Go programs write it.

Lines of one program have few shapes, which are their keys in order. For each frequent shape the whole line is one
pattern, so that a column of lines is read at once; lines of rare shapes are read one by one.
"""

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.parse.any_time import any_times
from include.parse.attributes import attributes
from include.parse.json_lines import KEYS
from include.parse.line_format import Found, Mask, Texts, nothing_found
from include.parse.moments import Clues
from include.parse.text import without_controls

_KEY = r"[A-Za-z_@][\w.@/-]*"
_VALUE = r'(?:"(?:[^"\\]|\\.)*"|[^\s"=]*)'
_LINE = rf"^\s*(?:{_KEY}={_VALUE}\s+)+{_KEY}={_VALUE}\s*$"
_WITH_TIME = r"(?:^|\s)(?:@timestamp|timestamp|time|ts|t)="
_PAIR = re.compile(rf"({_KEY})=({_VALUE})")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_MANY = 50
"""Lines of one shape from which on a pattern of its own pays."""


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
        fit: Mask = pc.match_substring_regex(lines, _LINE).to_numpy(zero_copy_only=False).copy()
        rows = lines.filter(pa.array(fit))
        if not len(rows):
            return nothing_found(lines)
        shapes = pc.replace_substring_regex(rows, rf"={_VALUE}", "=").dictionary_encode()
        codes = shapes.indices.to_numpy()
        often = np.flatnonzero(np.bincount(codes, minlength=len(shapes.dictionary)) >= _MANY)
        places = [np.flatnonzero(codes == code) for code in often.tolist()]
        parts = [
            _of_shape(rows.take(pa.array(place)), shapes.dictionary[code].as_py().replace("=", " ").split())
            for code, place in zip(often.tolist(), places, strict=True)
        ]
        rare = np.flatnonzero(~np.isin(codes, often))
        if len(rare):
            places.append(rare)
            parts.append(_one_by_one(rows.take(pa.array(rare)).to_pylist()))
        back = pa.array(np.argsort(np.concatenate(places)))
        texts = {name: pa.concat_arrays([part[name] for part in parts]).take(back) for name in parts[0]}
        silent = texts["message"].is_null()
        texts["message"] = pc.if_else(silent, rows, texts["message"])
        texts["attributes"] = pc.if_else(silent, None, texts["attributes"])
        ts = any_times(texts.pop("ts").to_pylist(), clues)
        return Found(fit, ts, texts)


def _of_shape(rows: pa.Array, keys: list[str]) -> Texts:
    """Return the columns of lines that have the same keys in the same order."""
    pattern = r"^\s*" + r"\s+".join(f"{re.escape(key)}=(?P<v{at}>{_VALUE})" for at, key in enumerate(keys)) + r"\s*$"
    values = [_unquoted(value) for value in pc.extract_regex(rows, pattern).flatten()]
    return _columns(keys, values, len(rows))


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
