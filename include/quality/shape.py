"""The shape of a batch: which columns it has, of which type, how often filled; and how it differs from before.

A column is one of the contract, or a key inside its JSON column (`labels`, `attributes`), as `attributes.http.method`.
The contract's types never change; those of JSON keys are read off their texts. Source-independent: what a connector
yields is looked at, not what a system sent.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.datasets import Dataset

SAMPLE = 2_000
"""Rows whose JSON is looked into, evenly spread over the batch, where a policy needs no more."""
FEW = 20
"""A batch of fewer rows says nothing about what is missing."""
USUAL = 0.95
"""Share of filled rows (0..1) from which on a column counts as always there."""
_NESTED = ("labels", "attributes")
_NOT_COMPARED = frozenset({"raw", "deleted"})
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_TRUTH = frozenset({"true", "false"})
MOST_COLUMNS = 500
"""So many columns a feed teaches: keys made of ids are data, and would be new in every batch."""
LONGEST_NAME = 200
"""Characters of a key by which it is known: no index of a database takes a key of kilobytes."""
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")
"""What no database text holds, though JSON may escape it."""


@dataclass(frozen=True)
class Column:
    """One column as a batch has it: `kind` is text, number or truth, `share` that of rows where it is filled (0..1)."""

    kind: str
    share: float


Shape = Mapping[str, Column]


@dataclass(frozen=True)
class Drift:
    """What differs from the known shape: names of columns."""

    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def shape_of(table: pa.Table, contract: Dataset, most: int = SAMPLE) -> dict[str, Column]:
    """Return the shape of good rows of a dataset, seen in at most so many; empty for a batch without rows."""
    if not table.num_rows:
        return {}
    found: dict[str, Column] = {}
    for field in contract.schema:
        if field.name in _NOT_COMPARED:
            continue
        if field.name in _NESTED:
            found |= _inside(field.name, table[field.name], most)
        elif table[field.name].null_count < table.num_rows:
            found[field.name] = Column("text", 1 - table[field.name].null_count / table.num_rows)
    return found


def compare(known: Shape, found: Shape, rows: int) -> Drift:
    """Return what is new, changed or missing in a batch of so many rows; nothing where nothing is known yet.

    A column counts as missing once: it was filled nearly always, and now never.
    """
    if not known or not found:
        return Drift()
    changed = [
        name for name, column in found.items() if name in known and known[name].kind not in {"text", column.kind}
    ]
    gone = [name for name, column in known.items() if column.share >= USUAL and name not in found]
    return Drift(
        new=tuple(sorted(set(found) - set(known))),
        changed=tuple(sorted(changed)),
        missing=tuple(sorted(gone)) if rows >= FEW else (),
    )


def remembered(known: Shape, found: Shape) -> dict[str, Column]:
    """Return the found columns that are known, or for which a feed has room: first the contract's, then the fullest."""
    new = sorted(set(found) - set(known), key=lambda name: ("." in name, -found[name].share, name))
    beyond = set(new[max(0, MOST_COLUMNS - len(known)) :])
    return {name: column for name, column in found.items() if name not in beyond}


def after(known: Shape, found: Shape, rows: int) -> dict[str, Column]:
    """Return the columns whose known shape a loaded batch changes; shares move only by batches that can tell."""
    told = {name: column for name, column in remembered(known, found).items() if name not in known}
    for name, column in known.items():
        now = found.get(name, Column(column.kind, 0.0))
        kind = column.kind if column.kind in {"text", now.kind} else "text"
        share = now.share if rows >= FEW else column.share
        if kind != column.kind or abs(share - column.share) > 1 - USUAL:
            told[name] = Column(kind, share)
    return told


def rows_with(table: pa.Table, names: Iterable[str], known: Shape | None = None) -> np.ndarray:
    """Return which rows fill any of the columns; with `known`, which hold another type than that in one of them."""
    mask = np.zeros(table.num_rows, dtype=bool)
    for name in names:
        column, inside, key = name.partition(".")
        if not inside:
            mask |= table[column].is_valid().to_numpy()
            continue
        values = [None if text is None else text.get(key) for text in _parsed(_texts(table[column]).to_pylist())]
        if known is None:
            mask |= np.array([value is not None for value in values], dtype=bool)
        else:
            mask |= np.array([value is not None and _kind(value) != known[name].kind for value in values], dtype=bool)
    return mask


def _inside(column: str, texts: pa.ChunkedArray, most: int) -> dict[str, Column]:
    plain = _texts(texts)
    rows = np.unique(np.linspace(0, len(plain) - 1, min(most, len(plain))).astype(np.int64))
    seen: Counter[str] = Counter()
    kinds: dict[str, set[str]] = {}
    for labels in _parsed(plain.take(pa.array(rows)).to_pylist()):
        for key, value in (labels or {}).items():
            if value is not None:
                name = f"{column}.{key}"
                seen[name] += 1
                kinds.setdefault(name, set()).add(_kind(value))
    return {
        name: Column(next(iter(kinds[name])) if len(kinds[name]) == 1 else "text", count / len(rows))
        for name, count in seen.items()
    }


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(column, pa.string()) if pa.types.is_dictionary(column.type) else column


def _parsed(texts: Sequence[str | None]) -> list[dict[str, object] | None]:
    """Return JSON objects, their keys as they are known; equal texts are parsed once."""
    known: dict[str | None, dict[str, object] | None] = {None: None}
    for text in texts:
        if text not in known:
            try:
                value = json.loads(text or "{}")
            except (ValueError, RecursionError):
                value = None
            known[text] = {_name(key): one for key, one in value.items()} if isinstance(value, dict) else None
    return [known[text] for text in texts]


def _name(key: str) -> str:
    return _NOT_TEXT.sub("\ufffd", key[:LONGEST_NAME])


def _kind(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    if text in _TRUTH:
        return "truth"
    return "number" if _NUMBER.fullmatch(text) else "text"
