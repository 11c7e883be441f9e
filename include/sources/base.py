"""What every source is, and the errors that it may raise."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

import pyarrow as pa

from include.errors import AlmanacError, PermanentError
from include.http import AnswerInvalid, HttpError, Rejected, Unavailable
from include.window import Window


class SourceError(AlmanacError):
    """Base of what a source raises; the message names the source."""


class SourceUnavailable(SourceError):  # noqa: N818 - reads as a sentence
    """The source is down, slow or cut its answer off: the same read may succeed later."""


class SourceRejected(SourceError, PermanentError):  # noqa: N818
    """The source refuses us, or is configured wrongly: trying again changes nothing."""


class SourceAnswerInvalid(SourceError):  # noqa: N818
    """The source answered with something that cannot be trusted as a whole."""


class Source(Protocol):
    """Reads one dataset of one system.

    `read` yields batches of exactly the dataset's schema, with the rows whose time lies in the half-open window and
    none twice; what could not be parsed goes out with `raw`.
    """

    @property
    def warnings(self) -> list[str]:
        """What the system said about its own answer in the last read."""
        ...

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the window."""
        ...


@runtime_checkable
class TraceSource(Source, Protocol):
    """A source of spans that can look one trace up."""

    def get_trace(self, trace_id: str) -> pa.Table:
        """Return the spans of one trace as rows of the span contract, in order of time."""
        ...


@contextmanager
def speaking_of(source: str) -> Iterator[None]:
    """Turn an error of the HTTP client into the source's own, with its name."""
    try:
        yield
    except Unavailable as error:
        raise SourceUnavailable(f"Source {source!r}: {error}") from error
    except Rejected as error:
        raise SourceRejected(f"Source {source!r}: {error}") from error
    except AnswerInvalid as error:
        raise SourceAnswerInvalid(f"Source {source!r}: {error}") from error
    except HttpError as error:
        raise SourceError(f"Source {source!r}: {error}") from error
