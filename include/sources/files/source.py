"""Reads files of any object store or disk by the layout that the YAML gives: which files, which column is what.

Rows whose cells cannot be read go out with `raw`. A row without a readable time is placed where its neighbour in the
file is, so that it is reported in one window and not in all.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from upath import UPath

from include.config.query import MetricQuery
from include.config.source import Feed, FileLayout
from include.datasets import LOG_EVENT, METRIC_POINT, SPAN, UTC_TIME, Kind, dataset
from include.http.client import MEBIBYTE
from include.sources.base import Source, SourceAnswerInvalid, SourceRejected, SourceUnavailable
from include.sources.files.columns import made_times, times
from include.sources.files.documents import Document, form_of, read_document
from include.sources.files.facts import UnmappedColumnError, facts, spans_once
from include.sources.files.gunzip import UnreadableFileError
from include.sources.files.lines import LineBlocks
from include.sources.files.logs import is_text, log_lines
from include.sources.files.names import dated_names, last_change, rotated, standing, without_twins
from include.sources.files.points import points, without_repeats
from include.sources.files.records import records
from include.sources.files.rows import MissingColumnError, RowSlice, path_labels
from include.sources.files.spans import SPAN_FORMS, spans_of_file
from include.sources.opening import Opening
from include.window import Window

ALWAYS = Window(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))


class FilesSource:
    """Reads one metric query or one feed from the files below a folder."""

    def __init__(self, name: str, folder: str, layout: FileLayout, query: MetricQuery | Feed) -> None:
        self._name = name
        self._folder = UPath(folder)
        self._layout = layout
        self._query = query
        self._dataset = dataset(query.dataset) if isinstance(query, Feed) else METRIC_POINT
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield the window's rows of all files: one batch, in order of series and time (records: of time).

        A row that stands in several files, or twice in one, comes once; rows that contradict each other all come, and
        quality judges them. Log lines come as the files hold them, block by block (each in order of time), and all of
        them: a program may well say the same thing twice.
        """
        self.warnings = []
        if self._dataset is LOG_EVENT:
            yield from self._log_lines(window)
        elif found := [table for path in self._files(window) if (table := self._table(path, window)).num_rows]:
            once = spans_once if self._dataset is SPAN else partial(without_repeats, contract=self._dataset)
            yield from once(pa.concat_tables(found).unify_dictionaries()).to_batches()

    def _log_lines(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield log lines; raises `SourceUnavailable` where the files were rotated while they were read."""
        paths = without_twins(self._files(window))
        before = [standing(path) for path in paths]
        for path in paths:
            for table in self._text(path, window) if is_text(path.name, self._layout) else [self._table(path, window)]:
                if table.num_rows:
                    yield from table.sort_by(LOG_EVENT.time).combine_chunks().to_batches()
        for path, then in zip(paths, before, strict=True):
            if rotated(path, then):
                raise SourceUnavailable(
                    f"Source {self._name!r}: {path} was rotated while it was read, so lines may be missing. Load this "
                    "window again."
                )

    def _text(self, path: UPath, window: Window) -> Iterator[pa.Table]:
        with self._speaking_of(path), path.open("rb") as file:
            blocks = LineBlocks(file, self._layout.longest_line_mebibytes * MEBIBYTE)
            labels = path_labels(self._layout, path.as_posix())
            yield from log_lines(blocks, self._layout, labels, last_change(path), window)
            if blocks.cut:
                self.warnings.append(
                    f"{path.name}: {blocks.cut} lines are longer than {self._layout.longest_line_mebibytes} MiB and "
                    "lost their ends."
                )

    def get_trace(self, trace_id: str) -> pa.Table:
        """Return the spans of one trace from all files, in order of time; none where no file has it.

        Raises `SourceRejected` for files of something else.
        """
        if self._dataset is not SPAN:
            raise SourceRejected(f"Source {self._name!r} has no traces in this feed. Ask a feed of spans.")
        wanted = trace_id.lower()
        found = []
        for path in self._files(ALWAYS):
            table = self._table(path, ALWAYS)
            found.append(table.filter(pc.fill_null(pc.equal(table["trace_id"], wanted), False)))
        return spans_once(pa.concat_tables([SPAN.empty(), *found]).unify_dictionaries())

    def _files(self, window: Window) -> list[UPath]:
        pattern = self._layout.files
        if window is ALWAYS:
            pattern = re.sub(r"%[A-Za-z]", "*", pattern)
        dated = "%" in pattern
        if self._folder.is_file():
            return [self._folder]
        if not self._folder.is_dir():
            raise SourceRejected(f"Source {self._name!r}: there is no folder {self._folder}. Correct path.")
        layout = self._layout
        patterns = dated_names(pattern, window.shifted(-layout.shift), layout.time_zone) if dated else [pattern]
        found = sorted({path for one in patterns for path in self._folder.glob(one) if path.is_file()}, key=str)
        if not found and not dated:
            raise SourceRejected(
                f"Source {self._name!r}: no file below {self._folder} matches {pattern}. Correct files in its layout."
            )
        return found

    def _table(self, path: UPath, window: Window) -> pa.Table:
        layout = self._layout
        with self._speaking_of(path):
            if layout.format in SPAN_FORMS:
                return spans_of_file(path.read_bytes(), layout.format, layout.shift, window)
            document = read_document(path.read_bytes(), layout.format or form_of(path.name), layout.records)
            rows = _in_window(document, layout, window)
            rows = RowSlice(rows.table, rows.ts, rows.broken, path_labels(layout, path.as_posix()))
            if isinstance(self._query, MetricQuery):
                return points(rows, layout, self._query)
            if self._dataset.kind is Kind.FACT:
                return facts(rows, layout, self._query)
            return records(rows, layout, self._query)

    @contextmanager
    def _speaking_of(self, path: UPath) -> Iterator[None]:
        try:
            yield
        except UnmappedColumnError as error:
            raise SourceRejected(f"Source {self._name!r}, file {path}: {error}") from error
        except (UnreadableFileError, MissingColumnError) as error:
            raise SourceAnswerInvalid(f"Source {self._name!r}, file {path}: {error}") from error
        except OSError as error:
            raise SourceUnavailable(
                f"Source {self._name!r}: {path} cannot be read ({error}). Check that the store is up and may be read."
            ) from error


def open_files(opening: Opening) -> Source:
    """Return a metric query or a feed of files."""
    feed = opening.query.layout if isinstance(opening.query, Feed) else None
    layout = feed or opening.source.layout or FileLayout()
    if layout.format in SPAN_FORMS and not (isinstance(opening.query, Feed) and opening.query.dataset == "span"):
        raise SourceRejected(
            f"Source {opening.source.name!r}: files of format {layout.format} hold spans. Set dataset: span in a feed."
        )
    if layout.format == "text" and not (isinstance(opening.query, Feed) and opening.query.dataset == "log_event"):
        raise SourceRejected(
            f"Source {opening.source.name!r}: files of format text hold log lines. Set dataset: log_event in a feed."
        )
    return FilesSource(opening.source.name, opening.source.location(opening.home), layout, opening.query)


def _in_window(document: Document, layout: FileLayout, window: Window) -> RowSlice:
    table = document.rows
    if layout.time_start is not None and layout.time_step is not None:
        found = made_times(table.num_rows, layout.time_start + layout.shift, layout.time_step)
    elif table.num_rows and layout.time not in table.column_names:
        raise MissingColumnError(layout.time, table.column_names)
    elif table.num_rows:
        found = times(table[layout.time].combine_chunks(), layout)
    else:
        found = pa.array([], UTC_TIME)
    # A file without any readable time tells so in every window: it cannot be placed, and must not stay silent.
    place = pc.fill_null(pc.fill_null_backward(pc.fill_null_forward(found)), pa.scalar(window.start, UTC_TIME))
    inside = pc.and_(
        pc.greater_equal(place, pa.scalar(window.start, UTC_TIME)), pc.less(place, pa.scalar(window.end, UTC_TIME))
    )
    here = inside.to_numpy(zero_copy_only=False)
    broken = [text for before, text in document.broken if not len(here) or here[min(max(before - 1, 0), len(here) - 1)]]
    if not np.all(here):
        table, found = table.filter(inside), found.filter(inside)
    return RowSlice(table, found, broken, {})
