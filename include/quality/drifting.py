"""Judges a batch's shape against what is known of its feed: told always, loaded, set apart or stopped by policy."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa

from include.config.drift import DriftPolicy
from include.datasets import Scope, dataset
from include.quality.shape import MOST_COLUMNS, SAMPLE, Column, Shape, after, compare, remembered, rows_with, shape_of
from include.quality.verdict import Level, RuleResult

Way = Literal["new", "changed", "missing"]
_SAYS: dict[Way, str] = {
    "new": "no column that was never there",
    "changed": "columns keep their type",
    "missing": "columns that were nearly always filled still are",
}
RULES: dict[Way, str] = {"new": "columns_known", "changed": "types_kept", "missing": "columns_there"}
MOST_NAMED = 10


@dataclass(frozen=True)
class ShapeVerdict:
    """The rule that each row breaks ("" for none), results, why to stop, and what is known now."""

    broken: np.ndarray
    results: list[RuleResult]
    stop: str | None
    learned: dict[str, Column]


def judge_shape(scope: Scope, good: pa.Table, known: Shape, policy: DriftPolicy) -> ShapeVerdict:
    """Judge the good rows of a batch.

    A feed that has taught `MOST_COLUMNS` is no longer held to what it could not be remembered for.
    """
    contract = dataset(scope.dataset)
    most = SAMPLE if policy.new == "add" and policy.changed == "coerce" else good.num_rows
    found = shape_of(good, contract, most)
    kept_in_mind = remembered(known, found)
    if len(known) >= MOST_COLUMNS:
        found = kept_in_mind
    drift = compare(known, found, good.num_rows)
    results, stops = [], []
    broken = np.full(good.num_rows, "", dtype=object)
    for way, rule in RULES.items():
        names: tuple[str, ...] = getattr(drift, way)
        action = getattr(policy, way)
        apart = 0
        if names and action == "quarantine":
            rows = _rows(good, way, names, known) & (broken == "")
            broken[rows] = rule
            apart = int(rows.sum())
        if names and action == "stop":
            stops.append(f"{_SAYS[way]} was expected, but: {_named(names)}")
        results.append(_result(way, names, action, apart))
    if beyond := len(found) - len(kept_in_mind):
        results[0] = _not_remembered(results[0], beyond, len(found))
    set_apart = broken != ""
    stop = None
    if stops:
        stop = (
            f"The columns of {scope} have changed: {'; '.join(stops)}. The policy in its `drift` says stop. Look at "
            "the source; if the change is right, set that policy to add or coerce and run the window again."
        )
    kept = good.filter(pa.array(~set_apart)) if set_apart.any() else good
    learned = after(known, shape_of(kept, contract, most) if set_apart.any() else found, kept.num_rows)
    return ShapeVerdict(broken, results, stop, learned)


def _rows(good: pa.Table, way: Way, names: tuple[str, ...], known: Shape) -> np.ndarray:
    if way == "changed":
        return rows_with(good, names, known)
    has = rows_with(good, names)
    return has if way == "new" else ~has


def _result(way: Way, names: tuple[str, ...], action: str, apart: int) -> RuleResult:
    done = {"quarantine": f"{apart:,} rows set apart", "stop": "nothing is loaded"}.get(action, "loaded all the same")
    return RuleResult(
        rule=RULES[way],
        level=Level.WARN,
        success=not names,
        observed=float(len(names)),
        expected=_SAYS[way],
        failed_rows=apart,
        message=f"{way}: {_named(names)}; {done}" if names else None,
    )


def _not_remembered(new: RuleResult, beyond: int, columns: int) -> RuleResult:
    said = f"{beyond:,} of {columns:,} columns are not remembered; a feed teaches {MOST_COLUMNS}"
    return replace(new, success=False, message=f"{new.message}; {said}" if new.message else f"new: {said}")


def _named(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
