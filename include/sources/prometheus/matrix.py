"""Parses the answer of Prometheus' range query without a Python loop over points.

The values of all series are cut out of the JSON text, turned into two columns of CSV text by byte replacement, and
parsed by Arrow at once; what is left of the JSON is small and goes through the ordinary parser, so that everything
else in the answer is still checked. Cutting is safe: within a JSON string a quote is escaped, so `"values":[[` cannot
stand in a label.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from include.http.answer import read_json
from include.http.errors import AnswerInvalid

_OPEN, _CLOSE = b'"values":[[', b"]]"
_NUMBER = r"^[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|(?i:inf|infinity|nan))$"


@dataclass(frozen=True)
class Matrix:
    """One answer: label sets, and the points of all series one after the other.

    `lengths[i]` points belong to `metrics[i]`; `ts` is in microseconds; `values` is null, and `text` given, where the
    value is no number. `warnings` holds the server's warnings and infos; `partial` says that it owns up to a gap.
    """

    metrics: list[dict[str, str]]
    lengths: np.ndarray
    ts: np.ndarray
    values: pa.Array
    text: pa.Array | None
    warnings: list[str]
    partial: bool

    def within(self, first: int, last: int) -> "Matrix":
        """Return the points from Unix second `first` to `last`, both included; a server may round a range outwards."""
        inside = (self.ts >= first * 1_000_000) & (self.ts <= last * 1_000_000)
        if inside.all():
            return self
        series = np.repeat(np.arange(len(self.lengths)), self.lengths)[inside]
        mask = pa.array(inside)
        return replace(
            self,
            lengths=np.bincount(series, minlength=len(self.lengths)),
            ts=self.ts[inside],
            values=self.values.filter(mask),
            text=None if self.text is None else self.text.filter(mask),
        )


def parse_matrix(body: bytes, where: str) -> Matrix:
    """Return the matrix of an answer of `/api/v1/query_range`.

    Raises `AnswerInvalid` when it is no such answer and `Unavailable` when it ends in the middle.
    """
    skeleton, texts = _cut(body)
    document = read_json(skeleton, where)
    result = _result(document, where)
    if any(isinstance(series.get("values"), list) and series["values"] for series in result):
        # Written with spaces, perhaps by a proxy: the same document, written without.
        return parse_matrix(json.dumps(read_json(body, where), separators=(",", ":")).encode(), where)
    texts = [texts[series["values"]] if isinstance(series.get("values"), int) else b"" for series in result]
    ts, values, text = _columns(texts, where)
    lengths = np.array([part.count(b"],[") + 1 if part else 0 for part in texts], dtype=np.int64)
    if lengths.sum() != len(ts):
        raise AnswerInvalid(where, "answered with points that cannot be counted", "Check that this is a Prometheus API")
    return Matrix(
        metrics=[series.get("metric") or {} for series in result],
        lengths=lengths,
        ts=ts,
        values=values,
        text=text,
        warnings=[str(said) for key in ("warnings", "infos") for said in document.get(key) or []],
        partial=document.get("isPartial") is True,
    )


def _cut(body: bytes) -> tuple[bytes, list[bytes]]:
    """Return the JSON with each list of values replaced by its number, and the text of those lists."""
    head, *parts = body.split(_OPEN)
    texts: list[bytes] = []
    rest = [head]
    for number, part in enumerate(parts):
        values, close, after = part.partition(_CLOSE)
        texts.append(values)
        rest.append(b'"values":%d%s' % (number, after) if close else b'"values":[[' + part)
    return b"".join(rest), texts


def _result(document: Any, where: str) -> list[dict[str, Any]]:
    data = document.get("data") if isinstance(document, dict) else None
    result = data.get("result") if isinstance(data, dict) else None
    if document.get("status") != "success" if isinstance(document, dict) else True:
        said = document.get("error", "no reason given") if isinstance(document, dict) else "an answer without status"
        raise AnswerInvalid(where, f"did not succeed: {said}", "Check the query")
    if not isinstance(data, dict) or data.get("resultType") != "matrix" or not isinstance(result, list):
        raise AnswerInvalid(where, "did not answer with a matrix of series", "Check that this is a Prometheus API")
    if not all(isinstance(series, dict) and isinstance(series.get("metric", {}), dict) for series in result):
        raise AnswerInvalid(where, "lists something that is no series", "Check that this is a Prometheus API")
    if any("histograms" in series and "values" not in series for series in result):
        raise AnswerInvalid(
            where,
            "answered with native histograms, which are no numbers",
            "Wrap the query in histogram_quantile or _sum",
        )
    return result


def _columns(texts: list[bytes], where: str) -> tuple[np.ndarray, pa.Array, pa.Array | None]:
    lines = b"\n".join(text.replace(b'"],[', b"\n").replace(b',"', b",") for text in texts if text)
    if not lines:
        return np.empty(0, np.int64), pa.array([], pa.float64()), None
    lines = lines.replace(b"\n\n", b"\n").translate(None, b'"')
    read = csv.ReadOptions(column_names=["ts", "value"], block_size=16 * 2**20)
    try:
        try:
            table = csv.read_csv(pa.py_buffer(lines), read, csv.ParseOptions(quote_char=False), _types(pa.float64()))
            values, text = table["value"].combine_chunks(), None
        except pa.ArrowInvalid:
            table = csv.read_csv(pa.py_buffer(lines), read, csv.ParseOptions(quote_char=False), _types(pa.string()))
            values, text = _numbers(table["value"].combine_chunks())
    except pa.ArrowInvalid as error:
        raise AnswerInvalid(
            where,
            f"answered with points that are no [time, value] pairs ({error})",
            "Check that this is a Prometheus API",
        ) from None
    seconds = table["ts"].combine_chunks().to_numpy(zero_copy_only=False)
    return np.round(seconds * 1e6).astype(np.int64), values, text


def _types(value: pa.DataType) -> csv.ConvertOptions:
    return csv.ConvertOptions(column_types={"ts": pa.float64(), "value": value}, null_values=[])


def _numbers(text: pa.Array) -> tuple[pa.Array, pa.Array | None]:
    """Return the texts as numbers, null where one is none, and the texts where they are none."""
    good = pc.match_substring_regex(text, _NUMBER)
    plain = pc.replace_substring_regex(text, r"^\+", "")
    values = pc.cast(pc.if_else(good, plain, None), pa.float64())
    return values, None if pc.all(good).as_py() else pc.if_else(good, None, text)
