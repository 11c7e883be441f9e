"""A source from which personal data and secrets have gone: the only kind that `open_source` hands out."""

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa

from include.config.redaction import Redaction
from include.datasets import SPAN
from include.redact import EVERYTHING, redact_batch
from include.sources.base import Source, SourceRejected, TraceSource
from include.window import Window


class RedactedSource:
    """Reads another source and redacts each batch; `redactions` counts what was hidden in the last read, by kind."""

    def __init__(self, source: Source, redaction: Redaction = EVERYTHING) -> None:
        self._source = source
        self._redaction = redaction
        self.redactions: Counter[str] = Counter()

    @property
    def warnings(self) -> list[str]:
        """What the system said about its own answer in the last read."""
        return self._source.warnings

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the window."""
        self.redactions = Counter()
        for batch in self._source.read(window):
            redacted, counts = redact_batch(batch, self._redaction)
            self.redactions += counts
            yield redacted

    def get_trace(self, trace_id: str) -> pa.Table:
        """Return the spans of one trace, in order of time; none where the system does not have it.

        Raises `SourceRejected` for a source that cannot look a trace up by its id.
        """
        if not isinstance(self._source, TraceSource):
            raise SourceRejected("This source cannot look up one trace. Ask a source of traces.")
        return pa.Table.from_batches(
            [redact_batch(batch, self._redaction)[0] for batch in self._source.get_trace(trace_id).to_batches()],
            SPAN.schema,
        )
