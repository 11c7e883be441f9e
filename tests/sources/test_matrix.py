import json
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from include.sources.prometheus.matrix import parse_matrix

LABELS = st.dictionaries(
    st.text(max_size=6), st.one_of(st.text(max_size=10), st.just('"values":[[1,"2"]]')), max_size=3
)
POINTS = st.lists(
    st.tuples(st.integers(0, 4_102_444_800_000).map(lambda ms: ms / 1000), st.floats()), min_size=1, max_size=5
)


def written(value: float) -> str:
    """A number as Go writes it."""
    return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf") if math.isinf(value) else repr(value)


@given(st.lists(st.tuples(LABELS, POINTS), max_size=5), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_the_fast_parser_finds_what_was_written(series: list, separators: tuple[str, str]) -> None:
    result = [{"metric": m, "values": [[t, written(v)] for t, v in points]} for m, points in series]
    document = {"status": "success", "data": {"resultType": "matrix", "result": result}, "warnings": ['x "values":[[']}
    found = parse_matrix(json.dumps(document, separators=separators).encode(), "http://x")
    assert found.metrics == [metric for metric, _ in series]
    assert found.lengths.tolist() == [len(points) for _, points in series]
    assert found.ts.tolist() == [round(t * 1000) * 1000 for _, points in series for t, _ in points]
    values = [v for _, points in series for _, v in points]
    assert np.array_equal(found.values.to_numpy(zero_copy_only=False), values, equal_nan=True)
    assert found.text is None
    assert found.warnings == ['x "values":[[']


@given(st.lists(st.text(alphabet="0123456789.eE+-aINfn x", max_size=6), min_size=1, max_size=6))
def test_a_value_is_a_number_or_its_text(texts: list[str]) -> None:
    result = [{"metric": {}, "values": [[1000 + i, text] for i, text in enumerate(texts)]}]
    document = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    found = parse_matrix(json.dumps(document, separators=(",", ":")).encode(), "http://x")
    for at, text in enumerate(texts):
        value = found.values[at].as_py()
        if value is None:
            assert found.text is not None
            assert found.text[at].as_py() == text
        else:
            assert np.array_equal(value, float(text), equal_nan=True)
