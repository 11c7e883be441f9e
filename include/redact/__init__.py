"""Redaction: personal data and secrets out of texts before anything is written.

In: Arrow columns of text, or a batch of a dataset. Out: the same with `<email>`, `<card>`, … in place of what
was found, and how many of each kind: never the values. Doing it twice changes nothing.
Read `rules.py` for what is found, `checks.py` for what only looks like it, `columns.py` for how, and `batches.py` for
which column gets which rules.
"""

from include.redact.batches import EVERYTHING, redact_batch
from include.redact.columns import redact_column, redact_text

__all__ = ["EVERYTHING", "redact_batch", "redact_column", "redact_text"]
