"""The contract of a benchmark: its options, its rows, its table and its JSON.

A benchmark is a function `Options -> Iterable[Row]` and one call of `run` under `if __name__ == "__main__":`.
`--json FILE` writes `{"benchmark": …, "commit": …, "rows": [{"name": …, "metric": …, "value": …, "goal": …,
"baselines": {…}, "n": …, "seconds": …}]}`; a row also holds its note and whether higher is better.
"""

import json
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer

from include.errors import AlmanacError

QUICK = "quick sample"


@dataclass(frozen=True)
class Options:
    """What the caller asked for."""

    data: Path | None
    only: str | None
    quick: bool

    def wants(self, name: str) -> bool:
        """Return whether `name` is to be measured."""
        return self.only is None or self.only == name


@dataclass(frozen=True)
class Row:
    """One figure, beside the goal and the naive baselines that were measured in the same run.

    `value` is None where the data set or the server is missing: then `note` says which. `higher_is_better` tells how
    the goal is meant. `n` is the number of rows, points or cases behind the figure, `seconds` the time to get it.
    """

    name: str
    metric: str
    value: float | None
    goal: float | None = None
    baselines: Mapping[str, float] = field(default_factory=dict)
    n: int = 0
    seconds: float = 0.0
    higher_is_better: bool = True
    note: str = ""

    @classmethod
    def missing(cls, name: str, metric: str, why: str) -> "Row":
        """Return the row of something that could not be measured here."""
        return cls(name, metric, None, note=f"missing: {why}")

    @property
    def verdict(self) -> str:
        """`reached`, `missed`, or nothing where there is no goal or no value."""
        if self.value is None or self.goal is None:
            return ""
        reached = self.value >= self.goal if self.higher_is_better else self.value <= self.goal
        return "reached" if reached else "missed"


def run(benchmark: str, about: str, measure: Callable[[Options], Iterable[Row]]) -> None:
    """Run a benchmark as a command; it exits non-zero only on an error, never on a missed goal."""

    def command(
        data: Annotated[
            Path | None,
            typer.Option(envvar="ALMANAC_DATA", help="Folder of data.", exists=True, file_okay=False),
        ] = None,
        json_file: Annotated[Path | None, typer.Option("--json", help="Write the rows to this file as JSON.")] = None,
        only: Annotated[str | None, typer.Option(help="Measure only the rows of this name.")] = None,
        quick: Annotated[bool, typer.Option("--quick", help="Take a small sample; every row says so.")] = False,
    ) -> None:
        rows = []
        try:
            for row in measure(Options(data, only, quick)):
                typer.echo(f"  {row.name}: {row.metric} done", err=True)
                rows.append(_say_quick(row) if quick else row)
        except AlmanacError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from None
        typer.echo(table(rows))
        if json_file is not None:
            json_file.write_text(as_json(benchmark, rows), encoding="utf-8")

    command.__doc__ = about
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command)
    app()


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a table for a terminal; baselines stand beside the value, each under its own name."""
    header = ["name", "metric", "value", "goal", "", "baselines", "n", "seconds", "note"]
    lines = [header, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    text = [_line(line, widths) for line in lines]
    text.insert(1, "  ".join("-" * width for width in widths).rstrip())
    return "\n".join(text)


def as_json(benchmark: str, rows: Iterable[Row]) -> str:
    """Return the rows as the JSON text that `--json` writes."""
    document = {"benchmark": benchmark, "commit": _commit(), "rows": [asdict(row) for row in rows]}
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def _say_quick(row: Row) -> Row:
    return replace(row, note=f"{QUICK}; {row.note}" if row.note else QUICK)


def _cells(row: Row) -> list[str]:
    baselines = ", ".join(f"{name} {_number(value)}" for name, value in row.baselines.items())
    return [
        row.name,
        row.metric,
        _number(row.value),
        _number(row.goal),
        row.verdict,
        baselines,
        f"{row.n:,}" if row.n else "",
        f"{row.seconds:.2f}" if row.seconds else "",
        row.note,
    ]


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _line(cells: list[str], widths: list[int]) -> str:
    return "  ".join(
        cell.rjust(width) if column in {2, 3, 6, 7} else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ).rstrip()


def _commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"
