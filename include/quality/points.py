"""Row rules of metric points, over NumPy arrays.

An aggregate says whether any row breaks a rule, and only then a mask says which: a clean batch of millions of rows
costs a few passes over its columns. A row is charged to the first rule that it breaks; later rules look only at the
rows that are still good.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.datasets import Scope
from include.quality.expectation import Expectation
from include.quality.verdict import Level
from include.window import Window

Mask = np.ndarray
_STRING = r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'
LABELS_JSON = rf"^\{{(?:{_STRING}:{_STRING}(?:,{_STRING}:{_STRING})*)?\}}$"
"""A flat JSON object of texts without spaces, as `canonical_labels` writes it (RE2, so without recursion)."""
_NUL = r"\u0000"
_MOST_SLOTS = 1 << 28


def microseconds(window: Window) -> tuple[int, int]:
    """Return both ends of the window in microseconds since 1970."""
    return round(window.start.timestamp() * 1e6), round(window.end.timestamp() * 1e6)


@dataclass(frozen=True)
class Points:
    """The columns of a batch as arrays of one length.

    `ts` in microseconds since 1970 (0 where null), `codes` into `labels` (-1 where null), `value` (NaN where null).
    """

    table: pa.Table
    ts: np.ndarray
    codes: np.ndarray
    labels: pa.Array
    value: np.ndarray

    @classmethod
    def of(cls, table: pa.Table) -> "Points":
        """Take a table of the `metric_point` contract apart; equal label texts get one code."""
        ts = table["ts"].cast(pa.timestamp("us")).combine_chunks().cast(pa.int64())
        encoded = table["labels"].unify_dictionaries().combine_chunks()
        codes = encoded.indices.fill_null(-1).to_numpy()
        again = encoded.dictionary.dictionary_encode()
        labels = again.dictionary
        if len(labels) != len(encoded.dictionary):
            codes = np.append(again.indices.fill_null(-1).to_numpy(), np.int32(-1))[codes]
        return cls(
            table=table,
            ts=(ts.fill_null(0) if ts.null_count else ts).to_numpy(),
            codes=codes,
            labels=labels,
            value=table["value"].to_numpy(),
        )

    def __len__(self) -> int:
        return len(self.ts)

    def rows(self, kept: Mask) -> pa.Table:
        """Return the rows of `kept`, their labels under a dictionary that names only series that are still there."""
        table = self.table.filter(pa.array(kept))
        codes = self.codes[kept]
        used = np.zeros(len(self.labels), dtype=bool)
        used[codes] = True
        narrow = (np.cumsum(used) - 1).astype(np.int32)
        labels = pa.DictionaryArray.from_arrays(narrow[codes], self.labels.filter(pa.array(used)))
        at = table.schema.get_field_index("labels")
        return table.set_column(at, table.schema.field(at), labels)

    @cached_property
    def spread(self) -> tuple[float, float]:
        """Smallest and largest value; NaN where any value is NaN or null."""
        return (float(self.value.min()), float(self.value.max())) if len(self) else (0.0, 0.0)

    @cached_property
    def period(self) -> tuple[int, int]:
        """First and last time in microseconds."""
        return (int(self.ts.min()), int(self.ts.max())) if len(self) else (0, 0)


@dataclass(frozen=True)
class RowRule:
    """One rule: `breaks(points, alive, scope, expectation)` gives the rows that break it, or None where no row does.

    `alive` are the rows that broke no earlier rule, None where that is all of them.
    """

    name: str
    level: Level
    says: str
    breaks: Callable[[Points, Mask | None, Scope, Expectation], Mask | None]


def _not_parsed(points: Points, _alive: Mask | None, _scope: Scope, _expectation: Expectation) -> Mask | None:
    raw = points.table["raw"]
    return raw.is_valid().to_numpy() if raw.null_count < len(points) else None


def _no_time(points: Points, _alive: Mask | None, _scope: Scope, _expectation: Expectation) -> Mask | None:
    ts = points.table["ts"]
    return ts.is_null().to_numpy() if ts.null_count else None


def _bad_labels(points: Points, _alive: Mask | None, _scope: Scope, expectation: Expectation) -> Mask | None:
    good = pc.and_(
        pc.match_substring_regex(points.labels, LABELS_JSON),
        pc.and_(
            pc.less_equal(pc.binary_length(points.labels), expectation.max_label_bytes),
            pc.invert(pc.match_substring(points.labels, _NUL)),
        ),
    )
    nulls = len(points) > 0 and int(points.codes.min()) < 0
    if not nulls and pc.all(good, min_count=0).as_py():
        return None
    broken = np.append(~good.to_numpy(zero_copy_only=False), True)
    return broken[points.codes]


def _no_value(points: Points, _alive: Mask | None, _scope: Scope, _expectation: Expectation) -> Mask | None:
    value = points.table["value"]
    return value.is_null().to_numpy() if value.null_count else None


def _not_a_number(points: Points, _alive: Mask | None, _scope: Scope, _expectation: Expectation) -> Mask | None:
    return np.isnan(points.value) if np.isnan(points.spread[0]) else None


def _infinite(points: Points, _alive: Mask | None, _scope: Scope, _expectation: Expectation) -> Mask | None:
    return None if np.isfinite(points.spread).all() else np.isinf(points.value)


def _outside_window(points: Points, _alive: Mask | None, scope: Scope, _expectation: Expectation) -> Mask | None:
    start, end = microseconds(scope.window)
    first, last = points.period
    return None if not len(points) or (start <= first and last < end) else (points.ts < start) | (points.ts >= end)


def _in_future(points: Points, _alive: Mask | None, _scope: Scope, expectation: Expectation) -> Mask | None:
    latest = round((expectation.as_of + expectation.future_tolerance).timestamp() * 1e6)
    return points.ts > latest if points.period[1] > latest else None


def _below_minimum(points: Points, _alive: Mask | None, _scope: Scope, expectation: Expectation) -> Mask | None:
    least = expectation.minimum
    return None if least is None or points.spread[0] >= least else points.value < least


def _above_maximum(points: Points, _alive: Mask | None, _scope: Scope, expectation: Expectation) -> Mask | None:
    most = expectation.maximum
    return None if most is None or points.spread[1] <= most else points.value > most


def _beyond_cap(points: Points, alive: Mask | None, _scope: Scope, expectation: Expectation) -> Mask | None:
    """Beyond the cap, the series with a recent past stay, then the first by label text: the same in every window."""
    if len(points.labels) <= expectation.max_series:
        return None
    codes = points.codes if alive is None else points.codes[alive]
    seen = np.flatnonzero(np.bincount(codes, minlength=len(points.labels)))
    if len(seen) <= expectation.max_series:
        return None
    labels = points.labels.take(pa.array(seen))
    known = pa.array(list(expectation.recent_median), pa.string())
    order = pa.table({"new": pc.invert(pc.is_in(labels, known)), "labels": labels})
    kept = pc.select_k_unstable(order, expectation.max_series, [("new", "ascending"), ("labels", "ascending")])
    beyond = np.ones(len(points.labels) + 1, dtype=bool)
    beyond[seen[kept.to_numpy()]] = False
    return beyond[points.codes]


def _duplicates(points: Points, alive: Mask | None, scope: Scope, expectation: Expectation) -> tuple[Mask, Mask] | None:
    """Return the rows that repeat an earlier row's labels and time: with its value, and with another one."""
    ts, codes, value = points.ts, points.codes, points.value
    if alive is not None:
        ts, codes, value = ts[alive], codes[alive], value[alive]
    if _apart(ts, codes, len(points.labels), scope, expectation):
        return None
    order = np.lexsort((ts, codes))
    same = np.zeros(len(order), dtype=bool)
    same[1:] = (codes[order[1:]] == codes[order[:-1]]) & (ts[order[1:]] == ts[order[:-1]])
    if not same.any():
        return None
    first = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
    equal = value[order] == value[order[first]]
    rows = np.flatnonzero(alive) if alive is not None else np.arange(len(ts))
    exact, conflicting = np.zeros(len(points), dtype=bool), np.zeros(len(points), dtype=bool)
    exact[rows[order[same & equal]]] = True
    conflicting[rows[order[same & ~equal]]] = True
    return exact, conflicting


def _apart(ts: np.ndarray, codes: np.ndarray, series: int, scope: Scope, expectation: Expectation) -> bool:
    """Return whether no two rows of a series share a step of the window; then none share a time."""
    start, end = microseconds(scope.window)
    step = expectation.step_seconds * 1_000_000
    steps = -(-(end - start) // step)
    if series * steps > min(_MOST_SLOTS, 64 * len(ts) + (1 << 16)):
        return False
    taken = np.zeros(series * steps, dtype=bool)
    taken[codes.astype(np.int64) * steps + (ts - start) // step] = True
    return int(np.count_nonzero(taken)) == len(ts)


def _exact_duplicate(points: Points, alive: Mask | None, scope: Scope, expectation: Expectation) -> Mask | None:
    found = _duplicates(points, alive, scope, expectation)
    return found[0] if found and found[0].any() else None


def _conflicting_duplicate(points: Points, alive: Mask | None, scope: Scope, expectation: Expectation) -> Mask | None:
    found = _duplicates(points, alive, scope, expectation)
    return found[1] if found else None


RULES = (
    RowRule("parsed", Level.QUARANTINE, "the source could read the row", _not_parsed),
    RowRule("time_present", Level.QUARANTINE, "the row has a time", _no_time),
    RowRule("labels_valid", Level.QUARANTINE, "labels are canonical JSON of a storable size", _bad_labels),
    RowRule("value_present", Level.QUARANTINE, "the row has a value", _no_value),
    RowRule(
        "value_not_nan", Level.DROP, "the value is a number; NaN says that there was nothing to measure", _not_a_number
    ),
    RowRule("value_finite", Level.QUARANTINE, "the value is not infinite", _infinite),
    RowRule("inside_window", Level.QUARANTINE, "the time lies in the window", _outside_window),
    RowRule("not_in_future", Level.QUARANTINE, "the time is not ahead of the present", _in_future),
    RowRule("value_at_least_minimum", Level.QUARANTINE, "the value is at least the query's minimum", _below_minimum),
    RowRule("value_at_most_maximum", Level.QUARANTINE, "the value is at most the query's maximum", _above_maximum),
    RowRule("series_cap", Level.DROP, "the query has no more series than its cap", _beyond_cap),
    RowRule(
        "not_repeated",
        Level.DROP,
        "labels and time come once; this row repeats one with the same value",
        _exact_duplicate,
    ),
    RowRule(
        "not_contradicted",
        Level.QUARANTINE,
        "labels and time come once; the first value is kept",
        _conflicting_duplicate,
    ),
)


def broken_rules(points: Points, scope: Scope, expectation: Expectation) -> np.ndarray | None:
    """Return per row the position in `RULES`, from 1, of the first rule that it breaks; 0 for good; None: all good."""
    broken: np.ndarray | None = None
    for number, rule in enumerate(RULES, start=1):
        alive = None if broken is None else broken == 0
        mask = rule.breaks(points, alive, scope, expectation)
        if mask is None or not mask.any():
            continue
        if broken is None:
            broken = np.zeros(len(points), dtype=np.int8)
        broken[mask & (broken == 0)] = number
    return broken
