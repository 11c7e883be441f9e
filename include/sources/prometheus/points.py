"""Turns an answer of Prometheus into `metric_point` rows: identities, and rows with `raw` for what cannot be loaded."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from include.datasets import LABELS, METRIC_POINT, UTC_TIME
from include.sources.prometheus.labels import identity_text
from include.sources.prometheus.matrix import Matrix

MAX_SERIES = 20_000
EXCERPT = 500


def to_points(matrix: Matrix, identity_labels: Sequence[str] | None, max_series: int = MAX_SERIES) -> pa.RecordBatch:
    """Return an answer as one batch of `metric_point`, series after series.

    Two series that share an identity are one series as long as they never have a point at the same time (a restarted
    instance); where they do, each such point goes out with `raw` and no value, because none is more true. A series
    whose labels cannot be stored goes out as one row with `raw`; so do all series beyond the cap together. The cap
    keeps the first by label text, so it is the same ones in each window.
    """
    judged = [identity_text(metric, identity_labels) for metric in matrix.metrics]
    identities = sorted({text for text, problem in judged if not problem})
    codes = {text: code for code, text in enumerate(identities[:max_series])}
    code = np.array([codes.get(text, -1) if not problem else -1 for text, problem in judged], dtype=np.int32)

    series = np.repeat(np.arange(len(judged)), matrix.lengths)
    kept = np.flatnonzero(code[series] >= 0)
    ts, point_codes = matrix.ts[kept], code[series[kept]]
    values = matrix.values.take(pa.array(kept))
    raw = np.full(len(kept), None, dtype=object)
    wrong = np.zeros(len(kept), dtype=bool)
    if matrix.text is not None:
        wrong |= matrix.text.is_valid().to_numpy(zero_copy_only=False)[kept]
    if len(np.unique(code[code >= 0])) < np.count_nonzero(code >= 0):
        wrong |= _shared(point_codes, ts)
    for row in np.flatnonzero(wrong):
        at = kept[row]
        text = matrix.text[at].as_py() if matrix.text is not None else None
        value = repr(matrix.values[at].as_py()) if text is None else text
        raw[row] = _raw({"labels": matrix.metrics[series[at]], "value": value})

    rejected = _rejected(matrix, judged, code, max_series, len(identities))
    rows = len(kept) + len(rejected)
    no_code = np.concatenate([np.zeros(len(kept), dtype=bool), np.ones(len(rejected), dtype=bool)])
    valueless = np.concatenate([wrong, np.ones(len(rejected), dtype=bool)])
    return pa.RecordBatch.from_arrays(
        [
            pa.array(np.concatenate([ts, np.array([at for at, _ in rejected], np.int64)]), pa.int64()).cast(UTC_TIME),
            pa.DictionaryArray.from_arrays(
                pa.array(np.concatenate([point_codes, np.zeros(len(rejected), np.int32)]), pa.int32(), mask=no_code),
                pa.array(list(codes), pa.string()),
            ).cast(LABELS),
            _masked(values, rows, valueless),
            pa.array([*raw, *(text for _, text in rejected)], pa.string())
            if valueless.any()
            else pa.nulls(rows, pa.string()),
        ],
        schema=METRIC_POINT.schema,
    )


def _masked(values: pa.Array, rows: int, valueless: np.ndarray) -> pa.Array:
    numbers = np.full(rows, np.nan)
    numbers[: len(values)] = values.to_numpy(zero_copy_only=False)
    return pa.array(numbers, pa.float64(), mask=valueless, from_pandas=False)


def _shared(codes: np.ndarray, ts: np.ndarray) -> np.ndarray:
    """Return which points share both identity and time with another one."""
    order = np.lexsort((ts, codes))
    same = (np.diff(codes[order]) == 0) & (np.diff(ts[order]) == 0)
    shared = np.zeros(len(ts), dtype=bool)
    shared[order[1:]] |= same
    shared[order[:-1]] |= same
    return shared


def _rejected(
    matrix: Matrix, judged: Sequence[tuple[str, str]], code: np.ndarray, most: int, identities: int
) -> list[tuple[int, str]]:
    """Return time (µs) and text of each row that stands for a series, or for all beyond the cap, without a number."""
    starts = np.concatenate([[0], np.cumsum(matrix.lengths)])
    out: list[tuple[int, str]] = []
    beyond: list[int] = []
    for at in np.flatnonzero((code < 0) & (matrix.lengths > 0)).tolist():
        problem = judged[at][1]
        if not problem:
            beyond.append(at)
            continue
        text = {
            "problem": problem,
            "labels": str(dict(matrix.metrics[at]))[:EXCERPT],
            "points": int(matrix.lengths[at]),
        }
        out.append((int(matrix.ts[starts[at]]), _raw(text)))
    if beyond:
        problem = f"{identities:,} series, beyond the cap of {most:,}; narrow the query or sum over labels"
        examples = [judged[at][0][:EXCERPT] for at in beyond[:3]]
        points = int(matrix.lengths[beyond].sum())
        text = {"problem": problem, "series_left_out": identities - most, "points": points, "examples": examples}
        out.append((int(matrix.ts[starts[beyond[0]]]), _raw(text)))
    return out


def _raw(row: Mapping[str, object]) -> str:
    # ASCII, so that a label that cannot be stored can at least be told.
    return json.dumps(row, ensure_ascii=True, sort_keys=True).replace("\\u0000", "\\ufffd")
