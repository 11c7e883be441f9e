"""Searches for traces that have a limit and no cursor: a window is halved until each part is answered whole."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.datasets import SPAN, UTC_TIME
from include.http import AnswerTooLarge
from include.sources.base import SourceAnswerInvalid, speaking_of
from include.window import Window

T = TypeVar("T")
INDEX_ROWS_PER_TRACE = 3
"""Jaeger and Zipkin on Cassandra read so many rows of an index of spans per trace of the limit, and no more."""
CLOCK_SKEW = timedelta(minutes=1)
"""By so much a span may seem to begin before its root, because the clocks of two hosts differ."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_REMEMBERED = 200_000
_FULL, _WIDEN = 0.5, 8
"""How full an answer should be, and by how much a part may at most be wider than the one before."""


@dataclass(frozen=True)
class Part:
    """A stretch of time, in a system's own unit since 1970."""

    begin: int
    end: int


def part_of(
    window: Window, unit: timedelta, earlier: timedelta = timedelta(0), later: timedelta = timedelta(0)
) -> Part:
    """Return the smallest part in whole units that covers a window, and so much time before and after it."""
    begin, end = window.start - earlier - _EPOCH, window.end + later - _EPOCH
    return Part(begin // unit, -(-end // unit))


def in_parts(whole: Part, longest: int, ask: Callable[[Part], tuple[T, float] | None]) -> Iterator[tuple[Part, T]]:
    """Yield the answers of consecutive parts, in order of time; a part to which `ask` says None is asked in halves.

    With its answer `ask` says how full that was, as a share (0..1) of what one may bring: from that follows the width
    of the next part, so that few answers are thrown away. No part is longer than `longest` units.
    """
    begin, width = whole.begin, longest
    while begin < whole.end:
        part = Part(begin, min(begin + width, whole.end))
        answer = ask(part)
        if answer is None:
            width = (part.end - part.begin) // 2
            continue
        found, share = answer
        yield part, found
        begin = part.end
        width = min(longest, width * max(1, int(_FULL / max(share, _FULL / _WIDEN))))


@dataclass
class TraceSearch:
    """One pass through time with one search; `ask` returns all spans of the traces that a part's search finds.

    Where `by_span` the system finds a trace in each part in which it has a span, and a part brings its own spans. Else
    it finds a trace where that begins, and a trace brings all its spans at once: the first time that it is seen.
    """

    source: str
    unit: timedelta
    limit: int
    by_span: bool
    window: Window
    ask: Callable[[Part], pa.Table]
    service: str | None
    warnings: list[str]

    def __post_init__(self) -> None:
        self._scale = self.unit // _MICROSECOND
        self._ends: dict[str, int] = {}
        self._unread: set[bytes] = set()
        self.longest = timedelta(0)
        """Where not `by_span`: the longest time from the first to the last span of a trace."""

    def read(self, whole: Part) -> Iterator[pa.Table]:
        """Yield the spans of each part that begin in the window, each span once.

        Raises `SourceAnswerInvalid` where the limit is reached within one unit of time, and where an answer is not
        that of the part which was asked for.
        """
        day = timedelta(days=1) // self.unit
        for part, spans in in_parts(whole, day, self._whole_answer):
            begin, end = self._micro(part)
            near = _between(spans, begin - self._scale, end + self._scale + 1)
            strange = spans.num_rows > spans["trace_id"].null_count and not pc.any(near).as_py()
            if self.by_span:
                fresh = placed(spans, self.window)
                fresh = fresh.filter(pc.or_(_between(fresh, begin, end), fresh["trace_id"].is_null()))
            else:
                fresh = self._first_seen(spans, begin)
                strange = strange and fresh.num_rows == 0
                fresh = placed(fresh, self.window)
            if strange:
                raise SourceAnswerInvalid(
                    f"Source {self.source!r} answered a search from {_time(begin)} to {_time(end)} with other traces. "
                    "Look for a cache or a proxy that repeats an earlier answer, and read the window again."
                )
            yield fresh

    def _whole_answer(self, part: Part) -> tuple[pa.Table, float] | None:
        """Return the spans of all traces of a part and how full that is, or None where it must be halved."""
        narrow = part.end - part.begin <= 1
        with speaking_of(self.source):
            try:
                spans = self.ask(part)
            except AnswerTooLarge:
                if narrow:
                    raise
                return None
        begin, end = self._micro(part)
        traces, rows = pc.count_distinct(spans["trace_id"]).as_py(), self._rows(spans, begin, end)
        if traces >= self.limit:
            if narrow:
                raise SourceAnswerInvalid(
                    f"Source {self.source!r} has {self.limit:,} traces or more in the {_amount(self.unit)} from "
                    f"{_time(begin)}{self._whose()}, as many as one search may bring, so some would be missing. "
                    "Raise limit in the feed's options, and the limit of that server."
                )
            return None
        if rows >= INDEX_ROWS_PER_TRACE * self.limit:
            if not narrow:
                return None
            self.warnings.append(
                f"There are {INDEX_ROWS_PER_TRACE * self.limit:,} spans or more in the {_amount(self.unit)} from "
                f"{_time(begin)}{self._whose()}. If the store is Cassandra, some may be missing: raise limit."
            )
        return spans, max(traces, rows / INDEX_ROWS_PER_TRACE) / self.limit

    def _rows(self, spans: pa.Table, begin: int, end: int) -> int:
        inside = _between(spans, begin, end)
        if self.service is not None:
            inside = pc.and_(inside, pc.equal(spans["service"].cast(pa.string()), self.service))
        return int(pc.sum(inside, min_count=0).as_py())

    def _first_seen(self, spans: pa.Table, begin: int) -> pa.Table:
        spans = self._unread_once(spans)
        spread = spans.select(["trace_id", "ts"]).filter(spans["trace_id"].is_valid())
        ends = spread.group_by("trace_id").aggregate([("ts", "min"), ("ts", "max")])
        traces = ends["trace_id"].to_pylist()
        first, last = (ends[name].cast(pa.int64()).to_pylist() for name in ("ts_min", "ts_max"))
        known = [trace for trace in traces if trace in self._ends]
        # A trace whose last span lies before this part cannot be found any more.
        if len(self._ends) > _REMEMBERED:
            self._ends = {trace: last for trace, last in self._ends.items() if last >= begin}
        self._ends |= dict(zip(traces, last, strict=True))
        longest = max((b - a for a, b in zip(first, last, strict=True)), default=0)
        self.longest = max(self.longest, timedelta(microseconds=longest))
        if not known:
            return spans
        again = pc.fill_null(pc.is_in(spans["trace_id"], value_set=pa.array(known, pa.string())), False)
        return spans.filter(pc.invert(again))

    def _unread_once(self, spans: pa.Table) -> pa.Table:
        """Return the spans without those that could not be read and came before."""
        if spans["raw"].null_count == len(spans):
            return spans
        return spans.filter(
            pa.array([text is None or first_time(text, self._unread) for text in spans["raw"].to_pylist()], pa.bool_())
        )

    def _micro(self, part: Part) -> tuple[int, int]:
        return part.begin * self._scale, part.end * self._scale

    def _whose(self) -> str:
        return f" for the service {self.service!r}" if self.service is not None else ""


def first_time(text: str, seen: set[bytes]) -> bool:
    """Return whether a text has not been seen yet, and remember its digest."""
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    before = len(seen)
    seen.add(digest)
    return len(seen) > before


def placed(spans: pa.Table, window: Window) -> pa.Table:
    """Return the spans whose time lies in the window; one without a time lies where its neighbour does."""
    found = spans["ts"].combine_chunks()
    place = pc.fill_null(pc.fill_null_backward(pc.fill_null_forward(found)), pa.scalar(window.start, UTC_TIME))
    start, end = pa.scalar(window.start, UTC_TIME), pa.scalar(window.end, UTC_TIME)
    inside = pc.and_(pc.greater_equal(place, start), pc.less(place, end))
    return spans if np.all(inside.to_numpy(zero_copy_only=False)) else spans.filter(inside)


def _between(spans: pa.Table, begin: int, end: int) -> pa.ChunkedArray:
    """Return which spans begin in `[begin, end)`, in microseconds."""
    ts = spans["ts"].cast(pa.int64())
    return pc.fill_null(pc.and_(pc.greater_equal(ts, begin), pc.less(ts, end)), False)


def table_of(batches: Iterator[pa.RecordBatch]) -> pa.Table:
    """Return batches of spans as one table."""
    return pa.Table.from_batches(list(batches), SPAN.schema).unify_dictionaries()


def _time(micro: int) -> str:
    return (_EPOCH + timedelta(microseconds=micro)).isoformat().replace("+00:00", "Z")


def _amount(unit: timedelta) -> str:
    micro = unit // _MICROSECOND
    return "second" if micro == 1_000_000 else "millisecond" if micro == 1_000 else "microsecond"
