"""Rows of a file as facts (log lines, spans), by the layout's mapping of the contract's columns."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.config.source import Feed, FileLayout
from include.datasets import dataset
from include.errors import PermanentError
from include.parse.attributes import attributes
from include.sources.files.columns import columns_of, filled, numbers
from include.sources.files.documents import as_text
from include.sources.files.rows import RowSlice

_MUST_KNOW = {"log_event": ("message",), "span": ("trace_id", "span_id", "duration")}
"""Columns without which a row says nothing."""

_FAILED = r"^(?i:true|t|yes|y|1|error|err|failed|failure|status_code_error)$"
_NO_ID = r"^(?i:0*|-|null|none|nil|root)$"
_KINDS = {"1": "internal", "2": "server", "3": "client", "4": "producer", "5": "consumer", "0": "internal"}
_SECONDS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


class UnmappedColumnError(PermanentError):
    """A contract column that must be known, and that the layout does not find in the file."""

    def __init__(self, dataset: str, wanted: str, there: Iterable[str]) -> None:
        super().__init__(
            f"its layout does not say which column is {wanted}, without which a {dataset} says nothing. Name it below "
            f"columns. The file's columns are {', '.join(there)}."
        )


def facts(rows: RowSlice, layout: FileLayout, query: Feed) -> pa.Table:
    """Return the rows as facts of the query's dataset, in the order of the file; equal rows all come.

    `attributes` are the layout's labels and constants; without labels they are all columns that are nothing else. A
    row without a readable time goes out with `raw`, and so does a span whose duration is no number; one that does not
    say its duration has none.
    Raises `MissingColumnError` where a column that the mapping names is not in the file, `UnmappedColumnError` where
    the mapping lacks what a row cannot do without.
    """
    contract = dataset(query.dataset)
    for name in _MUST_KNOW[query.dataset]:
        if rows.table.num_rows and name not in {**layout.columns, **layout.defaults}:
            raise UnmappedColumnError(query.dataset, name, rows.table.column_names)
    used = {name for spec in layout.columns.values() for name in columns_of(spec, rows.table)}
    rows.must_have([*sorted(used), *layout.labels.values()])
    wrong = rows.ts.is_null().to_numpy(zero_copy_only=False)
    columns: dict[str, pa.Array] = {}
    for field in contract.schema:
        if field.name == contract.time:
            columns[field.name] = rows.ts
        elif field.name == "attributes":
            columns[field.name] = _attributes(rows, layout, query, used)
        elif field.name != "raw":
            text = _text(rows, layout, field.name)
            columns[field.name] = _AS.get(field.name, _whole)(text)
            if field.name == "duration":
                unreadable = pc.and_(text.is_valid(), columns["duration"].is_null())
                wrong = wrong | unreadable.to_numpy(zero_copy_only=False)
                columns["duration"] = pc.divide(columns["duration"], _SECONDS[layout.duration_unit])
    columns["raw"] = rows.raw(wrong)
    cast = [columns[field.name].cast(field.type) for field in contract.schema]
    lines = pa.array(rows.broken, pa.string())
    nothing = [lines if field.name == "raw" else pa.nulls(len(lines), field.type) for field in contract.schema]
    return pa.concat_tables(
        [pa.table(cast, schema=contract.schema), pa.table(nothing, schema=contract.schema)]
    ).unify_dictionaries()


def spans_once(table: pa.Table) -> pa.Table:
    """Return spans in order of time, with rows that are equal in every column once."""
    table = table.combine_chunks()
    key = pc.binary_join_element_wise(table["trace_id"], table["span_id"], "/").combine_chunks().dictionary_encode()
    codes = pc.fill_null(key.indices, -1).to_numpy()
    often = np.bincount(codes + 1)[codes + 1] > 1
    if often.any():
        places = np.flatnonzero(often)
        again = places[table.take(pa.array(places)).to_pandas().duplicated().to_numpy()]
        table = table.filter(pa.array(~np.isin(np.arange(table.num_rows), again)))
    return table.sort_by("ts")


def _text(rows: RowSlice, layout: FileLayout, field: str) -> pa.Array:
    """Return the text of a contract column: from its file column, else a default, the path or a constant, else null."""
    size = rows.table.num_rows
    default = layout.defaults.get(field, rows.path.get(field, layout.constants.get(field)))
    if field not in layout.columns or not size:
        return pa.nulls(size, pa.string()) if default is None else pa.repeat(pa.scalar(default), size)
    found = filled(layout.columns[field], rows.table)
    found = pc.if_else(pc.equal(found, ""), None, found)
    return found if default is None else pc.fill_null(found, default)


def _attributes(rows: RowSlice, layout: FileLayout, query: Feed, used: set[str]) -> pa.Array:
    """Return what else the rows say; a column of the file that holds JSON already may be named for it."""
    if "attributes" in layout.columns:
        return _text(rows, layout, "attributes")
    size = rows.table.num_rows
    if not size:
        return pa.nulls(0, pa.string())
    others = [name for name in rows.table.column_names if name not in used and name != layout.time]
    named: Mapping[str, str] = layout.labels or {name: name for name in others}
    columns = {label: as_text(rows.table[name].combine_chunks()) for label, name in named.items()}
    own = {*columns, *dataset(query.dataset).schema.names}
    fixed = {name: text for name, text in {**layout.constants, **rows.path}.items() if name not in own}
    first = pa.array(np.zeros(size, np.int32))
    columns |= {name: pa.DictionaryArray.from_arrays(first, pa.array([text])) for name, text in fixed.items()}
    return attributes(columns) if columns else pa.nulls(size, pa.string())


def _whole(text: pa.Array) -> pa.Array:
    return text


def ids(text: pa.Array) -> pa.Array:
    """Return ids in lower case; a word or zeros for "none" are null."""
    plain = pc.utf8_trim_whitespace(text)
    return pc.utf8_lower(pc.if_else(pc.match_substring_regex(plain, _NO_ID), None, plain))


def _kind(text: pa.Array) -> pa.Array:
    """Return the kind of each span, from any of OpenTelemetry's spellings; a span that has none is internal."""
    words = pc.replace_substring(pc.utf8_lower(pc.utf8_trim_whitespace(text)), "span_kind_", "").dictionary_encode()
    said = pa.array([_KINDS.get(word, word) for word in words.dictionary.to_pylist()], pa.string())
    return pc.fill_null(said.take(words.indices), "internal").dictionary_encode()


def _failed(text: pa.Array) -> pa.Array:
    return pc.fill_null(pc.match_substring_regex(pc.utf8_trim_whitespace(text), _FAILED), False)


def _finite(text: pa.Array) -> pa.Array:
    """Return numbers, below zero too, which quality judges; what is no finite number is null."""
    found = numbers(text)
    return pc.if_else(pc.fill_null(pc.is_finite(found), False), found, None)


_AS: Mapping[str, Callable[[pa.Array], pa.Array]] = {
    "trace_id": ids,
    "span_id": ids,
    "parent_id": ids,
    "kind": _kind,
    "error": _failed,
    "duration": _finite,
    "service": lambda text: text.dictionary_encode(),
    "host": lambda text: text.dictionary_encode(),
    "level": lambda text: text.dictionary_encode(),
    "logger": lambda text: text.dictionary_encode(),
    "operation": lambda text: text.dictionary_encode(),
}
