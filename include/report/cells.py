"""Cells of a frame as the plain values that a document holds: null is None, times are aware."""

import math
from datetime import datetime

import pandas as pd

from include.report.document import Level, ModelNote


def number(value: object) -> float | None:
    """Return a finite float, or None."""
    if value is None or value is pd.NA:
        return None
    value = float(value)  # type: ignore[arg-type]
    return value if math.isfinite(value) else None


def text(value: object) -> str | None:
    """Return words, or None."""
    return value if isinstance(value, str) else None


def moment(value: object) -> datetime | None:
    """Return an aware time, or None."""
    return None if value is None or pd.isna(value) else pd.Timestamp(value).to_pydatetime()  # type: ignore[call-overload,arg-type]


def numbers(rows: pd.DataFrame, column: str) -> list[float | None]:
    """Return a column as finite floats or None."""
    return [number(value) for value in rows[column].tolist()]


def texts(rows: pd.DataFrame, column: str, missing: str | None = None) -> list[str | None]:
    """Return a column as words, `missing` where there are none."""
    return [value if isinstance(value, str) else missing for value in rows[column].tolist()]


def moments(rows: pd.DataFrame, column: str) -> list[datetime | None]:
    """Return a column as aware times or None."""
    return [moment(value) for value in rows[column].tolist()]


def levels(rows: pd.DataFrame) -> list[Level]:
    """Return the column `level`."""
    return [Level(value) for value in rows["level"].tolist()]


def models(rows: pd.DataFrame) -> list[ModelNote]:
    """Return which models made how many rows, by name."""
    counts = rows["model"].dropna().value_counts().sort_index()
    return [ModelNote(name=str(name), rows=int(count)) for name, count in counts.items()]
