"""Row rules of log lines and spans, over whole Arrow columns: a window holds hundreds of thousands of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.datasets import LOG_EVENT, SPAN, Scope
from include.quality.expectation import LONGEST_ID, Expectation
from include.quality.verdict import Level

Mask = np.ndarray
LONGEST_SPAN = 7 * 86_400.0
"""Seconds. A span that lasts longer is a duration in another unit."""


@dataclass(frozen=True)
class FactRule:
    """One rule: `breaks(table, scope, expectation)` gives the rows that break it, None where no row can."""

    name: str
    level: Level
    says: str
    breaks: Callable[[pa.Table, Scope, Expectation], Mask | None]


def broken_facts(table: pa.Table, scope: Scope, expectation: Expectation) -> np.ndarray:
    """Return per row the position in `RULES[dataset]`, from 1, of the first rule that it breaks; 0 for good."""
    broken = np.zeros(len(table), dtype=np.int8)
    for number, rule in enumerate(RULES[scope.dataset], start=1):
        breaks = rule.breaks(table, scope, expectation)
        if breaks is not None:
            broken[breaks & (broken == 0)] = number
    return broken


def _mask(column: pa.ChunkedArray) -> Mask | None:
    """Return where a column is true, null counting as false; None where that is nowhere."""
    mask: Mask = pc.fill_null(column, False).to_numpy()
    return mask if mask.any() else None


def _either(masks: Sequence[Mask | None]) -> Mask | None:
    found = [mask for mask in masks if mask is not None]
    return reduce(np.logical_or, found) if found else None


def _not_parsed(table: pa.Table, _scope: Scope, _expectation: Expectation) -> Mask | None:
    raw = table["raw"]
    return _mask(raw.is_valid()) if raw.null_count < len(table) else None


def _absent(*names: str) -> Callable[[pa.Table, Scope, Expectation], Mask | None]:
    def breaks(table: pa.Table, _scope: Scope, _expectation: Expectation) -> Mask | None:
        nulls = [_mask(table[name].is_null()) for name in names if table[name].null_count]
        texts = [table[name] for name in names if pa.types.is_string(table[name].type)]
        return _either([*nulls, *(_mask(pc.equal(text, "")) for text in texts)])

    return breaks


def _outside_window(table: pa.Table, scope: Scope, _expectation: Expectation) -> Mask | None:
    ts = table["ts"]
    early = pc.less(ts, pa.scalar(scope.window.start, ts.type))
    return _either([_mask(early), _mask(pc.greater_equal(ts, pa.scalar(scope.window.end, ts.type)))])


def _ahead(table: pa.Table, _scope: Scope, expectation: Expectation) -> Mask | None:
    return _mask(pc.greater(table["ts"], pa.scalar(expectation.as_of + expectation.future_tolerance, table["ts"].type)))


def _long_ids(table: pa.Table, _scope: Scope, _expectation: Expectation) -> Mask | None:
    return _either([_mask(pc.greater(pc.utf8_length(table[name]), LONGEST_ID)) for name in ("trace_id", "span_id")])


def _bad_duration(table: pa.Table, _scope: Scope, _expectation: Expectation) -> Mask | None:
    duration = table["duration"]
    fine = pc.and_(pc.is_finite(duration), pc.less_equal(duration, LONGEST_SPAN))
    return _mask(pc.invert(fine))


def _negative_duration(table: pa.Table, _scope: Scope, _expectation: Expectation) -> Mask | None:
    return _mask(pc.less(table["duration"], 0.0))


def _seen_before(*names: str) -> Callable[[pa.Table, Scope, Expectation], Mask | None]:
    """Return what finds rows that equal an earlier one in these columns; a row with a null in the first never does."""

    def breaks(table: pa.Table, _scope: Scope, _expectation: Expectation) -> Mask | None:
        first = table[names[0]]
        if len(table) < 2 or first.null_count == len(table):
            return None
        rows = pa.table({name: _plain(table[name]) for name in names})
        rows = rows.append_column("row", pa.array(np.arange(len(rows))))
        earliest = rows.group_by(list(names)).aggregate([("row", "min")])["row_min"].to_numpy()
        again = np.ones(len(rows), dtype=bool)
        again[earliest] = False
        again &= first.is_valid().to_numpy()
        return again if again.any() else None

    return breaks


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _placed(required: FactRule) -> tuple[FactRule, ...]:
    return (
        FactRule("parsed", Level.QUARANTINE, "the source could read the row", _not_parsed),
        required,
        FactRule("inside_window", Level.QUARANTINE, "its time lies in the window", _outside_window),
        FactRule("not_ahead", Level.QUARANTINE, "its time is not minutes ahead of the present", _ahead),
    )


RULES: Mapping[str, tuple[FactRule, ...]] = {
    LOG_EVENT.name: (
        *_placed(
            FactRule("fields_present", Level.QUARANTINE, "a line has a time and a text", _absent("ts", "message"))
        ),
        FactRule("line_once", Level.DROP, "a line that carries an id comes once", _seen_before("event_id")),
    ),
    SPAN.name: (
        *_placed(
            FactRule(
                "fields_present",
                Level.QUARANTINE,
                "a span has a time and the ids of trace and span",
                _absent("ts", "trace_id", "span_id"),
            )
        ),
        FactRule("ids_short", Level.QUARANTINE, f"ids have at most {LONGEST_ID} characters", _long_ids),
        FactRule("duration_not_negative", Level.QUARANTINE, "a span ends after it begins", _negative_duration),
        FactRule("duration_plausible", Level.QUARANTINE, "a span lasts at most seven days", _bad_duration),
        FactRule(
            "span_once",
            Level.DROP,
            "a span comes once; one whose id is used again for something else stays",
            _seen_before("span_id", "trace_id", "kind", "service", "operation", "ts", "duration"),
        ),
    ),
}
