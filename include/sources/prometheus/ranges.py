"""Range queries of Prometheus' HTTP API: a window cut into queries that together bring each grid point once.

The window is cut on the grid of the query's step, counted from 1970, so that a point has the same time whichever window
asks. Prometheus includes both ends of a range; each query therefore ends one step before the next begins, and the last
one before the window's end.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from include.config.source import SourceConfig
from include.http import AnswerTooLarge, HttpClient, Rejected
from include.sources.base import SourceAnswerInvalid, speaking_of
from include.sources.prometheus.dialects import must_be_whole, parameters, raise_if_store_is_down
from include.sources.prometheus.matrix import Matrix, parse_matrix
from include.window import Window

RANGE_PATH = "/api/v1/query_range"
CONCURRENT = 2
_TOO_MUCH = (
    "too many samples",
    "exceeded maximum resolution",
    "-search.maxSamplesPerQuery",
    "-search.maxPointsPerTimeseries",
    "-search.maxMemoryPerQuery",
)


@dataclass(frozen=True)
class Range:
    """A range query: Unix seconds of the first and the last point, both included."""

    first: int
    last: int
    step: int

    @property
    def points(self) -> int:
        """How many points it brings of each series."""
        return (self.last - self.first) // self.step + 1

    def halves(self) -> tuple["Range", "Range"]:
        """Return two ranges that hold the same points; it must hold at least two."""
        middle = self.first + self.points // 2 * self.step
        return Range(self.first, middle - self.step, self.step), Range(middle, self.last, self.step)


def ranges(window: Window, step: int, most: int) -> Iterator[Range]:
    """Yield the range queries of at most `most` points that together hold each grid point of the window once.

    >>> from datetime import UTC, datetime
    >>> window = Window(datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, 0, 1, tzinfo=UTC))
    >>> list(ranges(window, 15, 3))
    [Range(first=0, last=30, step=15), Range(first=45, last=45, step=15)]
    """
    start, end = window.start.timestamp(), window.end.timestamp()
    first = int(-(-start // step)) * step
    last = (int(-(-end // step)) - 1) * step
    for begin in range(first, last + 1, most * step):
        yield Range(begin, min(begin + (most - 1) * step, last), step)


def read_ranges(
    client: HttpClient,
    source: SourceConfig,
    expr: str,
    step: int,
    window: Window,
    *,
    far: bool = False,
) -> Iterator[Matrix]:
    """Yield the answers of the window's range queries in order of time, `CONCURRENT` of them under way at once.

    A range whose answer is too large, for us or for the server, is asked again in halves. With `far` the server may
    look back for a sample as far as it does by itself, where `lookback` would break a run of points.
    """
    besides = parameters(source, None if far else step)

    def ask(part: Range) -> list[Matrix]:
        form = {"query": expr, "start": part.first, "end": part.last, "step": part.step, **besides}
        try:
            matrix = client.fetch("POST", RANGE_PATH, parse_matrix, form=form)
        except (AnswerTooLarge, Rejected) as error:
            if part.points < 2 or not _too_much(error):
                raise_if_store_is_down(source, error)
                raise
            return [answer for half in part.halves() for answer in ask(half)]
        must_be_whole(matrix, source)
        _must_have_all_series(matrix, source.name)
        return [matrix.within(part.first, part.last)]

    with ThreadPoolExecutor(CONCURRENT) as pool, speaking_of(source.name):
        waiting: deque[Future[list[Matrix]]] = deque()
        for part in ranges(window, step, source.max_points):
            waiting.append(pool.submit(ask, part))
            if len(waiting) > CONCURRENT:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _too_much(error: AnswerTooLarge | Rejected) -> bool:
    if isinstance(error, AnswerTooLarge):
        return True
    return any(part in error.body for part in _TOO_MUCH)


def _must_have_all_series(matrix: Matrix, source: str) -> None:
    for said in matrix.warnings:
        if "truncated" in said.lower():
            raise SourceAnswerInvalid(
                f"Source {source!r} left series out: {said}. Narrow the query, or raise the limit of that server."
            )
