"""A source from which personal data and secrets have gone: the only kind that `open_source` hands out."""

from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa

from include.config.redaction import Redaction
from include.datasets import SPAN
from include.redact import EVERYTHING, redact_batch
from include.sources.base import Source, SourceRejected, TraceSource
from include.window import Window

_AHEAD = 2
"""Batches that are redacted at once, beside the one that is being written."""


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
        """Yield the rows of the window; while one batch is written, the next are redacted."""
        self.redactions = Counter()
        ahead: deque[Future[tuple[pa.RecordBatch, Counter[str]]]] = deque()
        with ThreadPoolExecutor(_AHEAD) as beside:  # RE2 does the work, without Python's lock
            for batch in self._source.read(window):
                ahead.append(beside.submit(redact_batch, batch, self._redaction))
                if len(ahead) > _AHEAD:
                    yield self._counted(ahead.popleft())
            while ahead:
                yield self._counted(ahead.popleft())

    def _counted(self, redacted: Future[tuple[pa.RecordBatch, Counter[str]]]) -> pa.RecordBatch:
        batch, counts = redacted.result()
        self.redactions += counts
        return batch

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
