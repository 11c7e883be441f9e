"""Which column of which dataset is redacted by which rules.

What people write (summaries, titles, causes) and `raw` lose everything. What identifies (labels, names, ids, links,
versions) loses secrets and e-mail addresses only: the address in a metric's `instance` label says which machine it is,
without it two machines become one series, and a run of digits there is an id rather than a card or a telephone.
"""

from collections import Counter

import pyarrow as pa

from include.config.redaction import Redaction
from include.redact.columns import redact_column
from include.redact.rules import chosen

FREE_TEXT = frozenset({"summary", "title", "cause", "outcome", "message", "attributes", "before", "after", "raw"})
IDS = frozenset({"trace_id", "span_id", "parent_id"})
"""Hexadecimal ids of traces: nothing in them is anybody's."""


EVERYTHING = Redaction()


def redact_batch(batch: pa.RecordBatch, redaction: Redaction = EVERYTHING) -> tuple[pa.RecordBatch, Counter[str]]:
    """Return a batch of any dataset redacted, in the same schema, and how many things of each kind were hidden."""
    secrets, everything = chosen(redaction)
    total: Counter[str] = Counter()
    columns: list[pa.Array] = []
    for field, column in zip(batch.schema, batch.columns, strict=True):
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_string(kind) and field.name not in IDS:
            column, counts = redact_column(column, everything if field.name in FREE_TEXT else secrets)  # noqa: PLW2901
            total += counts
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema), total
