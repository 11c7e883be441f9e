"""The contracts of all datasets as a page for people: `python -m include.contracts > docs/datasets.md`."""

from collections.abc import Iterator

import pyarrow as pa

from include.datasets import DATASETS, Dataset, Kind

_KIND = {
    Kind.FACT: "Facts: a load of a window replaces what was there.",
    Kind.RECORD: "Records: the newest version by key wins.",
}


def page() -> str:
    """Return the page, in Markdown."""
    head = [
        "# The contract of every dataset",
        "",
        "What a source yields, what lands, what quality judges and what the warehouse loads. Written by",
        "`python -m include.contracts > docs/datasets.md` from `include/datasets.py`.",
        "",
        "Times are UTC, to the microsecond. `labels` and `attributes` are canonical JSON: keys in order, no spaces,",
        "all values text. A row that a source could not read has `raw`, its text; the rest of it is not relied on.",
    ]
    return "\n".join([*head, *(line for dataset in DATASETS.values() for line in _section(dataset))]) + "\n"


def _section(dataset: Dataset) -> Iterator[str]:
    key = ", ".join(f"`{name}`" for name in dataset.key)
    yield from ("", f"## {dataset.name}", "", f"{dataset.doc} {_KIND[dataset.kind]}", "")
    yield from (f"Its time is `{dataset.time}`. Unique by {key}.", "", "| column | type | meaning |", "|---|---|---|")
    for field in dataset.schema:
        yield f"| `{field.name}` | {_type(field.type)} | {field.metadata[b'doc'].decode()} |"


def _type(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "time"
    if pa.types.is_dictionary(kind):
        return "text (dictionary)"
    return {"string": "text", "double": "number", "bool": "true or false"}[str(kind)]


if __name__ == "__main__":
    print(page(), end="")
