"""Opens one file (CSV, JSON lines, JSON or Parquet, plain or gzip) as a table, and keeps the lines that it cannot read.

CSV and JSON columns stay text here: whether a text is a time or a number is decided by who knows the mapping, and a
row that turns out wrong can still be shown as it was.
"""

import csv as text_csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from include.sources.files.gunzip import MAGIC, UnreadableFileError, gunzip

_ENDINGS = {
    ".csv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}


@dataclass(frozen=True)
class Document:
    """The rows of a file, and its broken lines: how many rows stand before each, and its text."""

    rows: pa.Table
    broken: list[tuple[int, str]]


def form_of(name: str) -> str:
    """Return the form that a file's name tells: csv, jsonl, json or parquet; `.gz` does not count."""
    plain = name.lower().removesuffix(".gz")
    for ending, form in _ENDINGS.items():
        if plain.endswith(ending):
            return form
    raise UnreadableFileError(f"{name}: its name does not tell its format. Set format in the layout.")


def unpacked(data: bytes) -> bytes:
    """Return a file's bytes without gzip; raises `UnreadableFileError` where that is not whole or a bomb."""
    return b"".join(gunzip([data])) if data[:2] == MAGIC else data


def read_document(data: bytes, form: str, records: str | None = None) -> Document:
    """Return the rows of a file's bytes; `records` says where the rows of a JSON document stand.

    Raises `UnreadableFileError` when the file as a whole is not of that form; a bad line is not such a case.
    """
    plain = unpacked(data)
    if form == "parquet":
        return _parquet(plain)
    # A byte that is not UTF-8 costs one character, not the file.
    text = plain.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    readers: Mapping[str, Callable[[], Document]] = {
        "csv": lambda: _csv(text),
        "jsonl": lambda: _json_lines(text),
        "json": lambda: _json_document(text, records or ""),
    }
    return readers[form]()


def _parquet(data: bytes) -> Document:
    try:
        return Document(pq.read_table(pa.py_buffer(data)), [])
    except pa.ArrowException as error:
        raise UnreadableFileError(f"it is not whole Parquet ({error}). Copy it again.") from error


def _csv(text: str) -> Document:
    header = next((row for row in text_csv.reader(io.StringIO(text)) if row), [])
    if not header:
        return Document(pa.table({}), [])
    names = [name.strip() for name in header]
    if len(set(names)) < len(names):
        raise UnreadableFileError(f"its header names a column twice: {', '.join(names)}. Rename one.")
    broken: list[tuple[int, str]] = []

    def note(row: Any) -> str:
        before = (row.number or 2) - 2 - len(broken)
        broken.append((max(0, before), row.text))
        return "skip"

    try:
        rows = csv.read_csv(
            pa.py_buffer(text.encode()),
            csv.ReadOptions(use_threads=False, column_names=names, skip_rows=1, block_size=16 * 2**20),
            csv.ParseOptions(invalid_row_handler=note, newlines_in_values=True),
            csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return Document(pa.table({name: pa.array([], pa.string()) for name in names}), [])
        raise UnreadableFileError(f"it is no CSV ({error}). Check format in the layout.") from error
    return Document(rows, broken)


def _json_lines(text: str) -> Document:
    rows: list[dict[str, Any]] = []
    broken: list[tuple[int, str]] = []
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            rows.append(row)
        else:
            broken.append((len(rows), line))
    return Document(_table(rows), broken)


def _json_document(text: str, records: str) -> Document:
    if not text.strip():
        return Document(pa.table({}), [])
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableFileError(f"it is no JSON ({error}). Copy it again, or set format: jsonl.") from error
    found = list(_at(document, [step for step in records.split(".") if step]))
    rows: list[dict[str, Any]] = []
    broken: list[tuple[int, str]] = []
    for one in found:
        for row in one if isinstance(one, list) else [one]:
            if isinstance(row, dict):
                rows.append(row)
            else:
                broken.append((len(rows), json.dumps(row)))
    return Document(_table(rows), broken)


def _at(value: Any, steps: list[str]) -> Iterable[Any]:
    """Yield what stands at a path; `*` is any key of a mapping and any element of a list."""
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    if step == "*" and isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _at(inner, rest)
    elif isinstance(value, dict) and step in value:
        yield from _at(value[step], rest)


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    """Return JSON rows as text columns; a nested key `a: {b: 1}` is the column `a.b`."""
    cells = [flat(row) for row in rows]
    names = list(dict.fromkeys(name for row in cells for name in row))
    return pa.table({name: pa.array([row.get(name) for row in cells], pa.string()) for name in names})


def flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, str | None]:
    """Return a JSON object as texts: a nested key `a: {b: 1}` is `a.b`, a list is its JSON."""
    out: dict[str, str | None] = {}
    for key, value in row.items():
        if isinstance(value, dict) and value:
            out.update(flat(value, f"{prefix}{key}."))
        else:
            out[prefix + key] = _text(value)
    return out


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def as_text(column: pa.Array) -> pa.Array:
    """Return a column as text, whatever its type."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type):
        return column
    try:
        return pc.cast(column, pa.string())
    except pa.ArrowException:
        return pa.array([None if one is None else str(one) for one in column.to_pylist()], pa.string())
