"""One batch as a row of numbers: what Great Expectations judges. A number that cannot be known is None."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.datasets import SPAN, Scope
from include.quality.expectation import UNRESOLVED, Expectation
from include.quality.points import Points, microseconds
from include.quality.records import SHAPES

Summary = dict[str, float | None]
SAMPLE = 200_000
"""Rows that are enough to know the median of each series; all of them where a batch has fewer."""
JUMP = 50.0
"""A median that is this many times the usual one is no season and hardly an incident: think of another unit."""
FEWEST_SERIES = 3
TOGETHER = np.log10(2.0)
"""The middle half of the jumps lies within a factor of two: a unit multiplies all series alike, an outage does not."""


def tolerance_summary(rows: int, charged: int, good: int, expectation: Expectation) -> Summary:
    """Return how much of the batch broke its contract; `over_tolerance` is 0 where that is only few rows."""
    share = charged / rows if rows else 0.0
    matters = charged > expectation.few or (charged > 0 and good == 0)
    return {"rows": float(rows), "quarantined_share": share, "over_tolerance": share if matters else 0.0}


def points_summary(points: Points, good: np.ndarray | None, scope: Scope, expectation: Expectation) -> Summary:
    """Return completeness, freshness, order, alignment, unit and services of the good rows (a mask; None means all).

    Completeness is distinct good points over series × steps (ratio, above 1 where points come more often than the
    step says); `stale_steps` is the time from the newest point to the window's end in steps.
    """
    ts, codes, value = points.ts, points.codes, points.value
    if good is not None:
        ts, codes, value = ts[good], codes[good], value[good]
    start, end = microseconds(scope.window)
    step = expectation.step_seconds * 1_000_000
    counts = np.bincount(codes, minlength=len(points.labels))
    seen = np.flatnonzero(counts)
    series = max(expectation.expected_series or 0, len(seen))
    expected = series * ((end - start) / step)
    missing = None if expectation.expected_series is None else max(0, expectation.expected_series - len(seen))
    return {
        "series": float(len(seen)),
        "missing_series": None if missing is None else float(missing),
        "completeness": len(ts) / expected if expected else None,
        "stale_steps": (end - int(ts.max())) / step - 1 if len(ts) else None,
        "unordered_share": _unordered(ts, codes),
        "off_step_share": _off_step(ts, codes, len(points.labels), step, expectation.step_tolerance),
        **_units(codes, value, points.labels, expectation.recent_median),
        "unresolved_share": _unresolved(_services(points.labels.take(pa.array(seen)), expectation), expectation),
    }


def records_summary(table: pa.Table, scope: Scope, expectation: Expectation) -> Summary:
    """Return how many good records name a service that nobody knows, and how many versions stand there twice."""
    versions = table.group_by([SHAPES[scope.dataset].identity, "updated_at"]).aggregate([])
    named = "service" in table.column_names
    return {
        "duplicate_keys": float(len(table) - len(versions)),
        "unresolved_share": _unresolved(table["service"], expectation) if named else None,
    }


def facts_summary(table: pa.Table, scope: Scope, expectation: Expectation) -> Summary:
    """Return how fresh and how well named good lines or spans are.

    `stale_minutes` is the time from the newest row to the window's end; `orphan_share` the share (0..1) of spans with a
    parent that is not among them, `untimed_share` that of spans without a duration, `unlevelled_share` that of lines
    whose source gives no level.
    """
    _, end = microseconds(scope.window)
    newest = pc.max(table["ts"].cast(pa.int64())).as_py()
    summary: Summary = {
        "stale_minutes": None if newest is None else (end - newest) / 60e6,
        "unresolved_share": _unresolved(table["service"], expectation),
    }
    if scope.dataset == SPAN.name:
        untimed = table["duration"].null_count / len(table) if len(table) else None
        return summary | {"orphan_share": _orphans(table), "untimed_share": untimed}
    return summary | {"unlevelled_share": table["level"].null_count / len(table) if len(table) else None}


def _orphans(table: pa.Table) -> float | None:
    parents = table.filter(table["parent_id"].is_valid())
    if not len(table):
        return None
    there = pc.is_in(parents["parent_id"], value_set=table["span_id"].combine_chunks())
    return float(len(parents) - pc.sum(there, min_count=0).as_py()) / len(table)


def _unordered(ts: np.ndarray, codes: np.ndarray) -> float:
    """Return the share of points that come before an older point of their series."""
    if len(ts) < 2 or bool((ts[1:] >= ts[:-1]).all()):
        return 0.0
    order = np.argsort(codes, kind="stable")
    by_series, times = codes[order], ts[order]
    return float(np.count_nonzero((by_series[1:] == by_series[:-1]) & (times[1:] < times[:-1])) / len(ts))


def _off_step(ts: np.ndarray, codes: np.ndarray, series: int, step: int, tolerance: float) -> float:
    """Return the share of points further than `tolerance` of a step from the grid on which their series began."""
    if not len(ts):
        return 0.0
    phase = ts % step
    if bool((phase == phase[0]).all()):
        return 0.0
    first = np.zeros(series, dtype=np.int64)
    first[codes[::-1]] = phase[::-1]
    off = np.abs((phase - first[codes] + step // 2) % step - step // 2)
    return float(np.count_nonzero(off > tolerance * step) / len(ts))


def _units(codes: np.ndarray, value: np.ndarray, labels: pa.Array, recent: Mapping[str, float]) -> Summary:
    """Return how many known series jumped away from their recent median, and whether they jumped together.

    `unit_changed_share` is the share of known series (0..1) that jumped; `unit_factor` is the median jump where at
    least half of at least three known series made about the same one, else None.
    """
    unknown: Summary = {"unit_changed_share": None, "unit_changed_series": None, "unit_factor": None}
    if not recent or not len(codes):
        return unknown
    usual = np.array([recent.get(text) or np.nan for text in labels.to_pylist()], dtype=np.float64)
    now = _medians(codes, value, len(labels))
    with np.errstate(divide="ignore", invalid="ignore"):
        jumps = np.log10(np.abs(now / usual))
    jumps = jumps[np.isfinite(jumps)]
    if not len(jumps):
        return unknown
    changed = jumps[np.abs(jumps) >= np.log10(JUMP)]
    summary: Summary = {
        "unit_changed_share": len(changed) / len(jumps),
        "unit_changed_series": float(len(changed)),
        "unit_factor": None,
    }
    if len(jumps) >= FEWEST_SERIES and 2 * len(changed) >= len(jumps):
        low, middle, high = np.percentile(changed, [25, 50, 75])
        if high - low <= TOGETHER:
            summary["unit_factor"] = float(10.0**middle)
    return summary


def _medians(codes: np.ndarray, value: np.ndarray, series: int) -> np.ndarray:
    """Return the (lower) median of each series, from a sample where there are many rows; NaN for a series not in it."""
    if len(codes) > SAMPLE:
        # Drawn, not every n-th: rows in order of time repeat their series with a period.
        rows = np.random.default_rng(0).integers(0, len(codes), SAMPLE)
        codes, value = codes[rows], value[rows]
    order = np.lexsort((value, codes))
    counts = np.bincount(codes, minlength=series)
    middle = np.cumsum(counts) - counts + (counts - 1) // 2
    medians = np.full(series, np.nan)
    there = counts > 0
    medians[there] = value[order[middle[there]]]
    return medians


def _services(labels: pa.Array, expectation: Expectation) -> pa.Array:
    """Return the service's name in each label set, as the source says it; null where the label is absent."""
    if expectation.service_label is None:
        return pa.array([], pa.string())
    name = "".join(
        letter if letter.isalnum() or letter == "_" else f"\\x{{{ord(letter):x}}}"
        for letter in expectation.service_label
    )
    return pc.struct_field(pc.extract_regex(labels, rf'"{name}":"(?P<service>(?:[^"\\]|\\.)*)"'), "service")


def _unresolved(services: pa.Array, expectation: Expectation) -> float | None:
    """Return the share of rows or series whose service nobody knows; None where that cannot be said."""
    if expectation.resolve_service is None or not len(services):
        return None
    counted = pc.value_counts(services.cast(pa.string()))
    names, counts = counted.field("values").to_pylist(), counted.field("counts").to_numpy()
    unknown = [name is None or expectation.resolve_service(name).startswith(UNRESOLVED) for name in names]
    return float(counts[np.array(unknown)].sum() / counts.sum())
