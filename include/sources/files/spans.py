"""Files of traces in the JSON form of OTLP, Jaeger or Zipkin, as rows of the span contract."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from include.datasets import SPAN
from include.sources.files.documents import unpacked
from include.sources.traces.jaeger_spans import parse_jaeger
from include.sources.traces.otlp import parse_otlp
from include.sources.traces.search import placed, table_of
from include.sources.traces.zipkin_spans import parse_zipkin
from include.window import Window

_PARSERS: Mapping[str, Callable[[bytes], Iterator[pa.RecordBatch]]] = {
    "otlp": parse_otlp,
    "jaeger": parse_jaeger,
    "zipkin": parse_zipkin,
}
SPAN_FORMS = frozenset(_PARSERS)


def spans_of_file(data: bytes, form: str, shift: timedelta, window: Window) -> pa.Table:
    """Return a file's spans in the window, each moved by `shift`; gzip is unpacked.

    A text that is no span lies where its neighbour does, and in every window where the file has no time at all.
    Raises `UnreadableFileError` where gzip is not whole.
    """
    spans = table_of(_PARSERS[form](unpacked(data)))
    if shift:
        moved = pc.add(spans["ts"], pa.scalar(shift, pa.duration("us")))
        spans = spans.set_column(0, SPAN.schema.field("ts"), moved)
    return placed(spans, window)
