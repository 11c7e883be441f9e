"""A trial read: how a source answers, in figures and a few rows, without landing or remembering anything."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from include.http import Tally
from include.sources.redacted import RedactedSource
from include.window import Window

MEBIBYTE = 2**20
_WIDEST = 36


@dataclass
class Trial:
    """What one window brought: rows and their bytes as Arrow, seconds, what was asked, and what the source said."""

    window: Window
    tally: Tally
    rows: int = 0
    size: int = 0
    seconds: float = 0.0
    first: list[dict[str, Any]] = field(default_factory=list)
    unread: int = 0
    example: str = ""
    """The first row that the source could not read."""
    redactions: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)

    @property
    def of_a_day(self) -> float:
        """How many windows like this one make a day."""
        return 86_400 / self.window.duration.total_seconds()


def try_source(opened: RedactedSource, window: Window, tally: Tally, shown: int = 5) -> Trial:
    """Read a window to its end and return what it brought; only the first rows are kept."""
    trial = Trial(window, tally)
    began = time.perf_counter()
    for batch in opened.read(window):
        trial.rows += batch.num_rows
        trial.size += batch.nbytes
        trial.first += batch.slice(0, max(0, shown - len(trial.first))).to_pylist()
        raw = batch.column("raw")
        trial.unread += len(raw) - raw.null_count
        if not trial.example and raw.null_count < len(raw):
            trial.example = raw.drop_null()[0].as_py()
    trial.seconds = time.perf_counter() - began
    trial.redactions, trial.warnings = opened.redactions, list(opened.warnings)
    return trial


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return rows as lines of text columns; columns in which no row says anything are left out."""
    names = [name for name in (rows[0] if rows else {}) if any(row[name] is not None for row in rows)]
    cells = [names, *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(names))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]


def report(trial: Trial) -> list[str]:
    """Return what people want to know of a trial, as lines."""
    seconds = max(trial.seconds, 1e-9)
    if trial.rows:
        speed = f"{trial.rows / seconds:,.0f} rows/s, {_size(trial.size / seconds)}/s"
        lines = [*table(trial.first), "", f"{trial.rows:,} rows ({_size(trial.size)}) in {seconds:.1f} s: {speed}"]
    else:
        lines = [f"No rows in {seconds:.1f} s. Is that right for this window? Try another one with --window."]
    if trial.tally.requests:
        lines.append(f"{trial.tally.requests:,} requests over HTTP, {_size(trial.tally.received)} received")
    if trial.unread:
        lines.append(
            f"{trial.unread:,} rows could not be read and would go to quarantine; the first: {trial.example[:200]}"
        )
    if trial.redactions:
        hidden = ", ".join(f"{count:,} {kind}" for kind, count in sorted(trial.redactions.items()))
        lines.append(f"Hidden in texts: {hidden}")
    lines += [f"Warning: {warning}" for warning in trial.warnings]
    lines.append(_day(trial))
    return lines


def _day(trial: Trial) -> str:
    times = trial.of_a_day
    said = [f"{trial.rows * times:,.0f} rows", _size(trial.size * times)]
    if trial.tally.requests:
        said.append(f"{trial.tally.requests * times:,.0f} requests")
        said.append(f"{_size(trial.tally.received * times)} received")
    return f"A day of such windows: {', '.join(said)}"


def _size(count: float) -> str:
    """Return a number of bytes as people read it."""
    return f"{count / MEBIBYTE:,.1f} MiB" if count >= MEBIBYTE else f"{count / 1024:,.1f} KiB"


def _cell(value: Any) -> str:
    text = "" if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)
    plain = " ".join(text.replace("+00:00", "Z").split())
    return plain if len(plain) <= _WIDEST else f"{plain[: _WIDEST - 1]}…"
