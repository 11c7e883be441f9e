from pathlib import Path

import pytest

from include.contracts import page
from include.datasets import DATASETS, Dataset

PAGE = Path(__file__).parent.parent / "docs" / "datasets.md"


def test_the_page_on_datasets_says_what_the_contracts_say():
    assert PAGE.read_text(encoding="utf-8") == page(), "Run: python -m include.contracts > docs/datasets.md"


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=list(DATASETS))
def test_every_column_is_explained_and_time_and_raw_are_there(dataset: Dataset):
    for field in dataset.schema:
        assert len((field.metadata or {}).get(b"doc", b"")) > 5, field.name
    assert {dataset.time, "raw"} <= set(dataset.schema.names)
    assert set(dataset.key) - {"source"} <= set(dataset.schema.names)
