"""The rows of one file that lie in the window, and their text for people where they cannot be used."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.config.source import FileLayout
from include.errors import AlmanacError
from include.sources.files.documents import as_text


class MissingColumnError(AlmanacError):
    """A column that the layout names and the file does not have."""

    def __init__(self, wanted: str, there: Iterable[str]) -> None:
        super().__init__(f"it has no column {wanted!r}. Its columns are {', '.join(there)}.")


@dataclass(frozen=True)
class RowSlice:
    """Rows of one file: their cells, their times (null where unreadable), broken lines, labels from the file's path.

    `texts` are the rows as their source wrote them, where that is known and says more than the cells.
    """

    table: pa.Table
    ts: pa.Array
    broken: list[str]
    path: Mapping[str, str]
    texts: pa.Array | None = None

    def filter(self, mask: pa.Array) -> "RowSlice":
        """Return the rows where the mask is true; the broken lines stay."""
        texts = None if self.texts is None else self.texts.filter(mask)
        return RowSlice(self.table.filter(mask), self.ts.filter(mask), self.broken, self.path, texts)

    def must_have(self, columns: Iterable[str]) -> None:
        """Raise `MissingColumnError` when the file lacks one of the columns; a file without rows lacks nothing."""
        for column in columns:
            if self.table.num_rows and column not in self.table.column_names:
                raise MissingColumnError(column, self.table.column_names)

    def raw(self, wrong: np.ndarray) -> pa.Array:
        """Return the text of each wrong row, JSON of its cells where only those are known, and null for the others."""
        if self.texts is not None:
            return pc.if_else(pa.array(wrong), self.texts, None)
        raw = np.full(self.table.num_rows, None, dtype=object)
        places = np.flatnonzero(wrong)
        if len(places):
            bad = self.table.take(pa.array(places))
            cells = [as_text(bad[name].combine_chunks()).to_pylist() for name in bad.column_names]
            for place, row in zip(places, zip(*cells, strict=True), strict=True):
                raw[place] = json.dumps(dict(zip(bad.column_names, row, strict=True)), ensure_ascii=False)
        return pa.array(raw, pa.string())


def path_labels(layout: FileLayout, path: str) -> Mapping[str, str]:
    """Return the labels that a file's path gives; a path that does not fit the pattern gives none."""
    match = re.search(layout.labels_from_path, path) if layout.labels_from_path else None
    return {name: text for name, text in match.groupdict().items() if text} if match else {}
