"""Redaction: personal data and secrets out of texts before anything is written.

In: Arrow columns of text, or a batch of a dataset. Out: the same with `<email>`, `<card>`, … in place of what
was found, and how many of each kind: never the values. Doing it twice changes nothing.
Read `rules.py` for what is found, `columns.py` for how, `batches.py` for which column gets which rules.
"""

from include.redact.batches import redact_batch
from include.redact.columns import redact_column, redact_text

__all__ = ["redact_batch", "redact_column", "redact_text"]
