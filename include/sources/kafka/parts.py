"""Which offsets of each partition a window reads: kept boundaries where there are some, else found by time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

import numpy as np

from include.sources.base import SourceAnswerInvalid
from include.sources.kafka.boundaries import Boundaries, Offsets
from include.sources.kafka.client import Topic, milliseconds
from include.window import Window

_SAMPLE = 9


@dataclass(frozen=True)
class Part:
    """What a window reads of one partition: from `start` to before `end`; its stragglers may follow, up to `newest`."""

    partition: int
    start: int
    end: int
    newest: int


class Parts:
    """Finds the parts of windows of one topic; `warnings` tell what it had to leave out."""

    def __init__(self, source: str, topic: Topic, boundaries: Boundaries, accept_gaps: bool) -> None:
        self._source = source
        self._topic = topic
        self._boundaries = boundaries
        self._accept_gaps = accept_gaps
        self.warnings: list[str] = []

    def of(self, window: Window) -> Iterator[Part]:
        """Yield a window's part of each partition; its boundaries are kept before the first one is yielded.

        Raises `SourceAnswerInvalid` where messages of the window are gone from the brokers, unless that is accepted.
        """
        marks = {partition: self._topic.watermarks(partition) for partition in self._topic.partitions()}
        starts = self._kept(window.start, marks)
        if starts is None:
            starts = self._boundaries.keep(window.start, self._by_time(window.start, marks, {}))
            self._warn_of_deleted(starts, marks)
        ends = self._kept(window.end, marks)
        if ends is None:
            ends = self._boundaries.keep(window.end, self._by_time(window.end, marks, starts))
        parts = [self._part(window, one, starts, ends, marks[one]) for one in marks]
        yield from parts

    def _part(self, window: Window, partition: int, starts: Offsets, ends: Offsets, marks: tuple[int, int]) -> Part:
        low, high = marks
        start = starts.get(partition, 0)  # a partition that came later is read from its first message
        end = max(start, ends.get(partition, start))
        missing = min(low, end) - start
        if missing > 0:
            self._gap(
                f"{missing:,} messages of topic {self._topic.name!r}, partition {partition} (offsets {start:,} to "
                f"{start + missing - 1:,}), are gone from the brokers: they were deleted before {window} was read"
            )
        return Part(partition, max(start, low), max(end, low), high)

    def _kept(self, moment: datetime, marks: Mapping[int, tuple[int, int]]) -> Offsets | None:
        """Return the kept offsets of a moment; None where there are none, or none that fit the topic any more."""
        kept = self._boundaries.kept(moment)
        for partition, offset in (kept or {}).items():
            high = marks[partition][1] if partition in marks else None
            if high is None or offset > high:
                there = "is not there any more" if high is None else f"ends at offset {high:,}, before {offset:,}"
                self._gap(
                    f"topic {self._topic.name!r}, partition {partition} {there}, where {moment.isoformat()} was kept: "
                    "the topic was made anew or has lost messages"
                )
                return None
        return kept

    def _gap(self, what: str) -> None:
        if not self._accept_gaps:
            raise SourceAnswerInvalid(
                f"Source {self._source!r}: {what}. Replay the window where it has landed before; to read what is left, "
                "set accept_gaps in the source's options."
            )
        self.warnings.append(what)

    def _warn_of_deleted(self, starts: Offsets, marks: Mapping[int, tuple[int, int]]) -> None:
        for partition, (low, _) in marks.items():
            if low > 0 and starts.get(partition) == low:
                self.warnings.append(
                    f"topic {self._topic.name!r}, partition {partition} begins at offset {low:,}: what was written "
                    "before is deleted, and the window may not be whole"
                )

    def _by_time(self, moment: datetime, marks: Mapping[int, tuple[int, int]], least: Mapping[int, int]) -> Offsets:
        """Return per partition the offset at which messages begin to be of `moment` or later, never before `least`."""
        found = self._topic.offsets_at(moment, list(marks))
        offsets: Offsets = {}
        for partition, (low, high) in marks.items():
            known = found.get(partition)
            at = high if known is None else min(max(known, least.get(partition, 0), low), high)
            offsets[partition] = self._settled(partition, at, high, milliseconds(moment)) if at < high else at
        return offsets

    def _settled(self, partition: int, at: int, high: int, moment: int) -> int:
        """Return `at`, or where messages really begin to be of `moment`, when `at` is one with a clock that is ahead.

        Brokers answer with the first message that is not older. One message from the future would so be the end of
        every window, and nothing after it were read. The messages that follow it tell: where most are older than
        `moment`, the place is searched among the later ones, by halves.
        """

        def times(first: int, last: int) -> Sequence[int]:
            return [one.timestamp()[1] for one in self._topic.messages(partition, first, min(last, high))]

        def still_before(place: int) -> bool:
            sample = times(place, place + _SAMPLE)
            return bool(sample) and median(sample) < moment

        if not still_before(at):
            return at
        first, last = at, high
        while last - first > _SAMPLE:
            middle = (first + last) // 2
            first, last = (middle, last) if still_before(middle) else (first, middle)
        last = min(last + _SAMPLE, high)
        around = [
            (one.offset() or 0, one.timestamp()[1] >= moment) for one in self._topic.messages(partition, first, last)
        ]
        late = np.array([is_late for _, is_late in around], dtype=np.int64)
        # The cut that leaves fewest on the wrong side: late ones before it, and early ones after it.
        wrong = np.concatenate([[0], np.cumsum(late)]) + np.concatenate([np.cumsum((1 - late)[::-1])[::-1], [0]])
        cut = int(np.argmin(wrong))
        return around[cut][0] if cut < len(around) else last
