"""Which labels make a series what it is, and which label sets are fit to be stored."""

import json
from collections.abc import Mapping, Sequence

import pyarrow as pa

from include.datasets import canonical_labels

MAX_LABELS = 64
MAX_LABEL_BYTES = 4096


def identity(metric: Mapping[str, str], identity_labels: Sequence[str] | None) -> dict[str, str]:
    """Return the labels that tell a series apart: the configured ones, or all but the metric's own name.

    A label that is empty says nothing and counts as absent, as it does in Prometheus.
    """
    if identity_labels is None:
        return {name: value for name, value in metric.items() if value and name != "__name__"}
    return {name: metric[name] for name in identity_labels if metric.get(name)}


def identity_text(metric: Mapping[str, str], identity_labels: Sequence[str] | None) -> tuple[str, str]:
    """Return the canonical text of a series' identity, and what is wrong with it: empty when nothing is."""
    if not all(isinstance(name, str) and isinstance(value, str) for name, value in metric.items()):
        return "{}", "a label that is not text"
    labels = identity(metric, identity_labels)
    text = canonical_labels(labels)
    if len(labels) > MAX_LABELS:
        return text, f"{len(labels)} labels, more than {MAX_LABELS}"
    if len(text) > MAX_LABEL_BYTES or len(text.encode("utf-8", "replace")) > MAX_LABEL_BYTES:
        return text, f"labels longer than {MAX_LABEL_BYTES:,} bytes"
    if not _storable(text):
        return text, "a label with characters that cannot be stored"
    return text, ""


def _storable(text: str) -> bool:
    # PostgreSQL refuses NUL in text, and a lone surrogate cannot be written as UTF-8 at all.
    return "\\u0000" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def narrowed(table: pa.Table, identity_labels: Sequence[str] | None) -> pa.Table:
    """Return a `metric_point` table whose label sets hold only the identity labels; null means all of them."""
    if identity_labels is None or not table.num_rows:
        return table
    labels = table["labels"].combine_chunks()
    texts = [identity_text(json.loads(text), identity_labels)[0] for text in labels.dictionary.to_pylist()]
    unique = sorted(set(texts))
    position = {text: code for code, text in enumerate(unique)}
    codes = pa.array([position[text] for text in texts], pa.int32()).take(labels.indices)
    narrow = pa.DictionaryArray.from_arrays(codes, pa.array(unique, pa.string()))
    return table.set_column(table.schema.get_field_index("labels"), table.schema.field("labels"), narrow)
