"""Sources: one module per system, each reads one query of one system for one window.

In: a `SourceConfig`, one of its queries, `Credentials`. Out: Arrow batches in exactly the dataset's contract, half-open
window, none twice, personal data and secrets already redacted.
To add a system, write its module in the folder of its kind (`logs`, `traces`, `records`, or one of its own) and one
line in `registry.py`. Read `base.py` first, then `prometheus/source.py`.
"""

from include.http import Credentials
from include.sources.base import (
    Source,
    SourceAnswerInvalid,
    SourceError,
    SourceRejected,
    SourceUnavailable,
)
from include.sources.registry import open_source

__all__ = [
    "Credentials",
    "Source",
    "SourceAnswerInvalid",
    "SourceError",
    "SourceRejected",
    "SourceUnavailable",
    "open_source",
]
