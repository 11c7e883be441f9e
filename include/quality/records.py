"""Row rules of records: alerts, incidents, changes, feedback. Columns at a time; a batch holds thousands at most."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.datasets import ALERT, CHANGE_EVENT, FEEDBACK, INCIDENT, INCIDENT_CHANGE, Scope
from include.quality.expectation import LONGEST_ID, Expectation
from include.quality.verdict import Level
from include.severity import SEVERITIES

Mask = np.ndarray


@dataclass(frozen=True)
class Shape:
    """What a dataset's records look like: the columns that must be there, times in order, and the words in use."""

    identity: str
    required: tuple[str, ...]
    in_order: tuple[str, ...]
    words: dict[str, frozenset[str]]


SHAPES = {
    ALERT.name: Shape(
        identity="alert_id",
        required=("fingerprint", "name", "service", "severity", "status", "starts_at", "updated_at", "deleted"),
        in_order=("starts_at", "ends_at"),
        words={"severity": frozenset(SEVERITIES), "status": frozenset({"firing", "resolved", "suppressed"})},
    ),
    INCIDENT.name: Shape(
        identity="incident_id",
        required=("title", "service", "severity", "status", "opened_at", "updated_at", "deleted"),
        in_order=("opened_at", "acknowledged_at", "resolved_at"),
        words={"severity": frozenset(SEVERITIES), "status": frozenset({"open", "acknowledged", "resolved"})},
    ),
    INCIDENT_CHANGE.name: Shape(
        identity="change_id",
        required=("incident_id", "field", "updated_at", "deleted"),
        in_order=(),
        words={},
    ),
    CHANGE_EVENT.name: Shape(
        identity="change_id",
        required=("kind", "service", "title", "started_at", "updated_at", "deleted"),
        in_order=("started_at", "ended_at"),
        words={"kind": frozenset({"deployment", "configuration", "scale", "other"})},
    ),
    FEEDBACK.name: Shape(
        identity="feedback_id",
        required=("subject_kind", "subject_id", "verdict", "created_at", "updated_at", "deleted"),
        in_order=("first_ts", "last_ts"),
        words={
            "subject_kind": frozenset({"episode", "series", "service", "incident"}),
            "verdict": frozenset({"real", "noise", "right", "wrong", "other_cause"}),
        },
    ),
}


@dataclass(frozen=True)
class RecordRule:
    """One rule: `breaks(table, shape, scope, expectation)` gives the rows that break it."""

    name: str
    level: Level
    says: str
    breaks: Callable[[pa.Table, Shape, Scope, Expectation], Mask]


def _any(masks: list[pa.ChunkedArray], rows: int) -> Mask:
    """Return where any of the masks is true; null, which is unknown, is not."""
    found = (pc.fill_null(mask, False).to_numpy() for mask in masks)
    return reduce(np.logical_or, found, np.zeros(rows, dtype=bool))


def _not_parsed(table: pa.Table, _shape: Shape, _scope: Scope, _expectation: Expectation) -> Mask:
    return _any([table["raw"].is_valid()], len(table))


def _missing(table: pa.Table, shape: Shape, _scope: Scope, _expectation: Expectation) -> Mask:
    absent = [table[name].is_null() for name in (shape.identity, *shape.required)]
    return _any([*absent, pc.equal(pc.utf8_trim_whitespace(table[shape.identity]), "")], len(table))


def _long_id(table: pa.Table, shape: Shape, _scope: Scope, _expectation: Expectation) -> Mask:
    return _any([pc.greater(pc.utf8_length(table[shape.identity]), LONGEST_ID)], len(table))


def _outside_window(table: pa.Table, _shape: Shape, scope: Scope, _expectation: Expectation) -> Mask:
    updated = table["updated_at"]
    early = pc.less(updated, pa.scalar(scope.window.start, updated.type))
    return _any([early, pc.greater_equal(updated, pa.scalar(scope.window.end, updated.type))], len(table))


def _clock_off(table: pa.Table, shape: Shape, scope: Scope, expectation: Expectation) -> Mask:
    times = [table[name] for name in (*shape.in_order, "updated_at")]
    oldest = pa.scalar(scope.window.start - expectation.oldest, times[0].type)
    latest = pa.scalar(expectation.as_of + expectation.future_tolerance, times[0].type)
    old = [pc.less(column, oldest) for column in times]
    return _any([*old, *(pc.greater(column, latest) for column in times)], len(table))


def _out_of_order(table: pa.Table, shape: Shape, _scope: Scope, _expectation: Expectation) -> Mask:
    names = shape.in_order
    pairs = [(early, late) for at, early in enumerate(names) for late in names[at + 1 :]]
    return _any([pc.greater(table[early], table[late]) for early, late in pairs], len(table))


def _unknown_word(table: pa.Table, shape: Shape, _scope: Scope, _expectation: Expectation) -> Mask:
    unknown = []
    for name, words in shape.words.items():
        said = pc.utf8_lower(pc.utf8_trim_whitespace(table[name]))
        unknown.append(pc.invert(pc.is_in(said, pa.array(sorted(words)))))
    return _any(unknown, len(table))


def _said_twice(table: pa.Table, shape: Shape, _scope: Scope, _expectation: Expectation) -> Mask:
    """Return which rows have a later row of the same identity and `updated_at`; older versions are history."""
    identity = table[shape.identity].combine_chunks().dictionary_encode().indices.to_numpy()
    updated = table["updated_at"].cast(pa.timestamp("us")).combine_chunks().cast(pa.int64()).to_numpy()
    order = np.lexsort((updated, identity))
    earlier, later = order[:-1], order[1:]
    twice = np.zeros(len(order), dtype=bool)
    twice[earlier] = (identity[earlier] == identity[later]) & (updated[earlier] == updated[later])
    return twice


RULES = (
    RecordRule("parsed", Level.QUARANTINE, "the source could read the row", _not_parsed),
    RecordRule("fields_present", Level.QUARANTINE, "every field that a record needs is there", _missing),
    RecordRule("id_short", Level.QUARANTINE, f"its id has at most {LONGEST_ID} characters", _long_id),
    RecordRule("inside_window", Level.QUARANTINE, "updated_at lies in the window", _outside_window),
    RecordRule("clock_plausible", Level.QUARANTINE, "no time is years back or ahead of the present", _clock_off),
    RecordRule(
        "times_in_order", Level.QUARANTINE, "starts before it ends; opened, acknowledged, resolved", _out_of_order
    ),
    RecordRule("words_known", Level.QUARANTINE, "severity, status, kind and verdict are words in use", _unknown_word),
    RecordRule("version_once", Level.DROP, "one version of a record comes once; the last is kept", _said_twice),
)


def broken_records(table: pa.Table, scope: Scope, expectation: Expectation) -> np.ndarray:
    """Return per row the position in `RULES`, from 1, of the first rule that it breaks; 0 for good.

    Each rule sees only the rows that broke none before it.
    """
    shape = SHAPES[scope.dataset]
    broken = np.zeros(len(table), dtype=np.int8)
    for number, rule in enumerate(RULES, start=1):
        alive = np.flatnonzero(broken == 0)
        broken[alive[rule.breaks(table.take(pa.array(alive)), shape, scope, expectation)]] = number
    return broken
