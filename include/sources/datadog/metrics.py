"""Reads metric points from Datadog's `/api/v2/query/timeseries`; the query's expr is a Datadog metrics query.

Datadog rolls a long range up to fewer, wider points without saying so. The window is therefore cut into ranges short
enough for the query's step, on the step's own grid, and an answer whose points lie wider apart is an error.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.config.query import MetricQuery
from include.http import HttpClient
from include.http.answer import read_json
from include.sources.base import SourceAnswerInvalid, speaking_of
from include.sources.prometheus.matrix import Matrix
from include.sources.prometheus.points import MAX_SERIES, to_points
from include.sources.prometheus.ranges import Range, ranges
from include.window import Window

TIMESERIES_PATH = "/api/v2/query/timeseries"
MOST_POINTS = 1_000
"""Of each series in one range: Datadog gives at most 1,500 (https://docs.datadoghq.com/dashboards/functions/rollup/)."""
_ROLLED_UP = 10
"""So many points that all lie the same distance apart, wider than the step, are a roll-up and not a rare metric."""
_UNITS = {
    "seconds": "second",
    "milliseconds": "millisecond",
    "bytes": "byte",
    "requests": "request",
    "percent": "percent",
    "ratio": "fraction",
}


class DatadogMetrics:
    """Reads one metric query of one Datadog site."""

    def __init__(
        self, name: str, query: MetricQuery, connect: Callable[[], HttpClient], max_series: int = MAX_SERIES
    ) -> None:
        self._name = name
        self._query = query
        self._connect = connect
        self._max_series = max_series
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield one batch per range: each point is the value of the step that begins at its time.

        A null is no point. A value that is no number goes out with `raw`.
        """
        self.warnings = []
        with self._connect() as client, speaking_of(self._name):
            for part in ranges(window, self._query.step_seconds, MOST_POINTS):
                answer = client.fetch("POST", TIMESERIES_PATH, read_json, json=self._body(part))
                matrix = self._matrix(answer, part).within(part.first, part.last)
                if len(matrix.ts):
                    yield to_points(matrix, self._query.identity_labels, self._max_series)

    def _body(self, part: Range) -> dict[str, Any]:
        attributes = {
            "from": part.first * 1000,
            "to": (part.last + part.step) * 1000,
            "interval": part.step * 1000,
            "queries": [{"data_source": "metrics", "name": "a", "query": self._query.expr}],
            "formulas": [{"formula": "a"}],
        }
        return {"data": {"type": "timeseries_request", "attributes": attributes}}

    def _matrix(self, answer: Any, part: Range) -> Matrix:
        try:
            attributes = answer["data"]["attributes"]
            series, lists = list(attributes["series"]), list(attributes["values"])
            ts = np.array(attributes["times"], dtype=np.int64)
            if ts.ndim != 1 or len(series) != len(lists) or any(len(values) != len(ts) for values in lists):
                raise ValueError("as many values as times")
            labels = [_labels(one["group_tags"] or []) for one in series]
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise SourceAnswerInvalid(
                f"Source {self._name!r} did not answer with times, series and values ({error})."
                " Check that url is the API's, such as https://api.datadoghq.com."
            ) from None
        self._must_fit(ts, part.step)
        for one in series:
            self._compare_unit(one.get("unit"))
        numbers, text = _numbers([value for values in lists for value in values])
        there = numbers.is_valid() if text is None else pc.or_(numbers.is_valid(), text.is_valid())
        kept = there.to_numpy(zero_copy_only=False)
        lengths = kept.reshape(len(lists), len(ts)).sum(axis=1)
        return Matrix(
            metrics=labels,
            lengths=lengths.astype(np.int64),
            ts=np.tile(ts, len(lists))[kept] * 1000,
            values=numbers.filter(there),
            text=None if text is None else text.filter(there),
            warnings=[],
            partial=False,
        )

    def _must_fit(self, ts: np.ndarray, step: int) -> None:
        """Raise unless the times lie on the grid of the step, one step apart where there are many."""
        gaps = np.diff(ts)
        if (ts % (step * 1000)).any() or (gaps <= 0).any():
            problem = f"at times that are not on the grid of {step:,} s"
        elif len(gaps) >= _ROLLED_UP and gaps.min() == gaps.max() > step * 1000:
            problem = f"{gaps[0] / 1000:,.0f} s apart, where {step:,} s were asked for"
        else:
            return
        raise SourceAnswerInvalid(
            f"Source {self._name!r} answered query {self._query.name!r} with points {problem}: the metric is reported"
            " that rarely, or Datadog rolled it up. Set the query's step to what it gives."
        )

    def _compare_unit(self, unit: Any) -> None:
        said = next((one.get("name") for one in unit or [] if isinstance(one, dict)), None)
        if self._query.unit in _UNITS and isinstance(said, str) and said != _UNITS[self._query.unit]:
            warning = f"Datadog says {said}, the query {self._query.name!r} says {self._query.unit}"
            if warning not in self.warnings:
                self.warnings.append(warning)


def _labels(tags: Sequence[Any]) -> dict[str, str]:
    """Return group tags as labels; a key that comes twice has its values joined, a tag without a value is `true`."""
    found: dict[str, list[str]] = {}
    for tag in tags:
        name, colon, value = tag.partition(":")
        found.setdefault(name, []).append(value if colon else "true")
    return {name: ",".join(sorted(values)) for name, values in found.items()}


def _numbers(values: list[Any]) -> tuple[pa.Array, pa.Array | None]:
    """Return values as numbers, null where there is none, and the texts of those that are no numbers."""
    try:
        return pa.array(values, pa.float64()), None
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        numbers = [_number(value) for value in values]
    text = [
        None if value is None or number is not None else json.dumps(value)
        for value, number in zip(values, numbers, strict=True)
    ]
    return pa.array(numbers, pa.float64()), pa.array(text, pa.string())


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
