import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.datasets import canonical_labels
from include.parse.attributes import attributes


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=4), st.text(max_size=12), max_size=4), min_size=1))
def test_it_is_what_canonical_labels_makes_of_each_row(rows: list[dict[str, str]]) -> None:
    names = {name for row in rows for name in row} or {"a"}
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names}
    told = [{name: text for name, text in row.items() if text} for row in rows]
    assert attributes(columns).to_pylist() == [canonical_labels(row) if row else None for row in told]


def test_an_encoded_column_counts_as_its_texts() -> None:
    column = pa.array(["a\n", None, "", "a\n"]).dictionary_encode()
    assert attributes({"x": column}).to_pylist() == ['{"x":"a\\n"}', None, None, '{"x":"a\\n"}']


def test_no_column_is_no_row() -> None:
    with pytest.raises(ValueError, match="how many rows"):
        attributes({})
