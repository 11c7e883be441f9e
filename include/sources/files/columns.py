"""Turns columns of a file into times, numbers, texts and label sets; null where a cell is not what it should be."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from include.config.source import FileLayout
from include.datasets import LABELS, UTC_TIME, canonical_labels
from include.sources.files.documents import as_text

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_EARLIEST, _LATEST = -62_135_596_800, 253_402_300_800  # years 1 and 9999, in Unix seconds
_NUMBER = r"^[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|(?i:inf|infinity|nan))$"
_BRACES = re.compile(r"\{([^{}]+)\}")


def made_times(rows: int, start: datetime, step: timedelta) -> pa.Array:
    """Return the times of rows that carry none: `start`, and a step further with each row."""
    first = int(start.timestamp() * 1_000_000)
    return pa.array(first + np.arange(rows) * int(step.total_seconds() * 1_000_000), pa.int64()).cast(UTC_TIME)


def times(column: pa.Array, layout: FileLayout) -> pa.Array:
    """Return a column as UTC times, moved and aligned as the layout says; null where a cell is no time."""
    if pa.types.is_timestamp(column.type):
        found = _zoned(column, layout.time_zone)
    elif layout.time_format:
        found = _slow(as_text(column), layout.time_zone, layout.time_format)
    elif layout.time_unit == "iso":
        found = _iso(_trimmed(column), layout.time_zone)
    else:
        found = _unix(column, _PER_SECOND[layout.time_unit])
    return _of_our_years(moved(found, layout.shift, layout.time_align))


def numbers(column: pa.Array) -> pa.Array:
    """Return a column as float64; null where a cell is no number. NaN and infinite values are numbers here."""
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type) or pa.types.is_boolean(column.type):
        return column.cast(pa.float64(), safe=False)
    text = _trimmed(column)
    try:
        return text.cast(pa.float64())
    except pa.ArrowInvalid:
        good = pc.match_substring_regex(text, _NUMBER)
        return pc.if_else(good, pc.replace_substring_regex(text, r"^\+", ""), None).cast(pa.float64())


def filled(pattern: str, table: pa.Table) -> pa.Array:
    """Return, for each row, the column of that name, or the pattern with each `{column}` replaced by its text."""
    if pattern in table.column_names or not _BRACES.search(pattern):
        return as_text(table[pattern].combine_chunks())
    parts = _BRACES.split(pattern)
    texts = [
        pc.fill_null(as_text(table[part].combine_chunks()), "") if at % 2 else pa.scalar(part, pa.string())
        for at, part in enumerate(parts)
    ]
    return pc.binary_join_element_wise(*texts, "")


def columns_of(pattern: str, table: pa.Table) -> list[str]:
    """Return the columns that a pattern of `filled` needs."""
    found = _BRACES.findall(pattern)
    return [pattern] if pattern in table.column_names or not found else found


def label_sets(table: pa.Table, labels: Mapping[str, str], constants: Mapping[str, str]) -> pa.Array:
    """Return the canonical label set of each row, dictionary-encoded; an empty cell is an absent label."""
    codes = np.zeros(table.num_rows, dtype=np.int64)
    sets: list[tuple[str, ...]] = [()]
    for column in labels.values():
        encoded = pc.fill_null(as_text(table[column].combine_chunks()), "").dictionary_encode()
        level = encoded.dictionary.to_pylist()
        # Only combinations that occur are kept, so many labels neither overflow nor multiply.
        unique, codes = np.unique(codes * len(level) + encoded.indices.to_numpy(), return_inverse=True)
        sets = [(*sets[code // len(level)], level[code % len(level)]) for code in unique.tolist()]
    named = ({name: text for name, text in zip(labels, one, strict=True) if text} for one in sets)
    texts = [canonical_labels({**constants, **found}) for found in named]
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(texts, pa.string())).cast(LABELS)


def _trimmed(column: pa.Array) -> pa.Array:
    return pc.utf8_trim_whitespace(as_text(column))


def _iso(text: pa.Array, zone: str) -> pa.Array:
    for kind in (pa.timestamp("us"), UTC_TIME):
        try:
            return _zoned(text.cast(kind), zone)
        except pa.ArrowInvalid:
            continue
    return _slow(text, zone, "ISO8601")


def _slow(text: pa.Array, zone: str, pattern: str) -> pa.Array:
    """Parse times that differ in form from row to row, about ten times slower than Arrow does."""
    carries_zone = pc.fill_null(pc.match_substring_regex(text, r"\d.*[:\d](Z|z|[+-]\d\d:?\d\d)$"), False)
    moments = pd.to_datetime(text.to_pandas(), format=pattern, errors="coerce", utc=True)
    utc = pa.array(moments.dt.as_unit("us"), UTC_TIME, from_pandas=True)
    if zone == "UTC":
        return utc
    return pc.if_else(carries_zone, utc, _zoned(utc.cast(pa.timestamp("us")), zone))


def _zoned(column: pa.Array, zone: str) -> pa.Array:
    if column.type.tz is None:
        column = pc.assume_timezone(column, zone, ambiguous="earliest", nonexistent="latest")
    return column.cast(UTC_TIME, safe=False)


def _unix(column: pa.Array, per_second: int) -> pa.Array:
    if not pa.types.is_integer(column.type):
        text = _trimmed(column)
        try:
            column = text.cast(pa.int64())
        except pa.ArrowInvalid:
            column = numbers(column)
    if pa.types.is_integer(column.type):
        low, high = max(_EARLIEST * per_second, -(2**63)), min(_LATEST * per_second, 2**63 - 1)
        column = column.cast(pa.int64(), safe=False)
        inside = pc.and_(pc.greater_equal(column, pa.scalar(low)), pc.less(column, pa.scalar(high)))
        column = pc.if_else(pc.fill_null(inside, False), column, None)
        if per_second == _PER_SECOND["ns"]:
            return column.cast(pa.timestamp("ns")).cast(pa.timestamp("us"), safe=False).cast(UTC_TIME)
        return pc.multiply(column, 1_000_000 // per_second).cast(UTC_TIME)
    micro = pc.round(pc.multiply(column, 1_000_000 / per_second))
    inside = pc.and_(pc.greater_equal(micro, _EARLIEST * 1e6), pc.less(micro, _LATEST * 1e6))
    return pc.if_else(pc.fill_null(inside, False), micro, None).cast(pa.int64()).cast(UTC_TIME)


def _of_our_years(found: pa.Array) -> pa.Array:
    """Return times with null for years before 1 and after 9999, which Python does not have; `-1` is read as one."""
    micro = found.cast(pa.int64())
    inside = pc.and_(pc.greater_equal(micro, _EARLIEST * 1_000_000), pc.less(micro, _LATEST * 1_000_000))
    return found if pc.all(inside).as_py() is not False else pc.if_else(inside, found, None)


def moved(found: pa.Array, shift: timedelta, align: timedelta | None) -> pa.Array:
    """Return times with `shift` added, cut down to a multiple of `align` since 1970."""
    if shift:
        found = pc.add(found, pa.scalar(shift, pa.duration("us")))
    if align:
        step = int(align.total_seconds() * 1_000_000)
        micro = found.cast(pa.int64())
        values = micro.fill_null(0).to_numpy(zero_copy_only=False)
        aligned = pa.array(values // step * step, pa.int64())
        found = pc.if_else(micro.is_valid(), aligned, None).cast(UTC_TIME)
    return found
