"""The warehouse on the command line: `python -m include.warehouse sql | status | gaps | migrate`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import pandas as pd
import typer

from include.clock import SystemClock
from include.config import load_config
from include.errors import AlmanacError
from include.settings import settings
from include.warehouse import migrate as revisions
from include.warehouse import status as state
from include.warehouse.engine import Warehouse
from include.warehouse.gaps import gaps as find
from include.warehouse.gaps import joined_gaps
from include.warehouse.query import query
from include.window import Grid, Window

app = typer.Typer(help="Look into the warehouse, and bring it to the code's revision.", no_args_is_help=True)
Verbose = Annotated[bool, typer.Option("--verbose", help="Show the whole trace of an error.")]


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@app.command()
def sql(
    statement: Annotated[str, typer.Argument(help="A select; anything that writes is refused.")],
    form: Annotated[Format, typer.Option("--format", help="How to print the rows.")] = Format.TABLE,
    limit: Annotated[int, typer.Option(min=1, help="Print at most so many rows.")] = 1000,
    verbose: Verbose = False,
) -> None:
    """Run a select and print its rows."""
    with _one_sentence(verbose):
        rows = query(_warehouse(), statement, limit)
        typer.echo(_text(rows, form), nl=form is not Format.CSV)
        if len(rows) == limit:
            typer.echo(f"The first {limit} rows; --limit shows more.", err=True)


@app.command()
def status(
    loads: Annotated[int, typer.Option(min=0, help="How many of the last loads to show.")] = 10,
    verbose: Verbose = False,
) -> None:
    """Show tables with rows, newest time and size, the last loads, the revision, and who holds the lock."""
    with _one_sentence(verbose):
        warehouse = _warehouse()
        holder = warehouse.holder()
        tables = state.tables(warehouse)
        tables["size"] = [f"{size / 1e6:,.1f} MB" for size in tables.pop("bytes")]
        typer.echo(f"warehouse  {warehouse.url.render_as_string()}")
        typer.echo(f"revision   {state.revision(warehouse)} (the code: {revisions.revisions()[-1]})")
        typer.echo(f"lock       {holder or 'free'}\n")
        typer.echo(_text(tables, Format.TABLE))
        typer.echo("\n" + _text(state.last_loads(warehouse, loads), Format.TABLE))


@app.command()
def gaps(
    days: Annotated[int, typer.Option(min=1, max=366, help="How far back to look.")] = 7,
    source: Annotated[list[str] | None, typer.Option(help="Only this source; may be given again.")] = None,
    verbose: Verbose = False,
) -> None:
    """Say which windows of which source are missing, failed or short; `make fill` reads them again."""
    with _one_sentence(verbose):
        grid = Grid.of(settings().grid_minutes)
        end = grid.floor(SystemClock().now())
        config = load_config(settings().config_dir)
        tasks = [
            (one.name, query, dataset) for one, query, dataset in config.tasks() if not source or one.name in source
        ]
        window = Window(grid.floor(end - timedelta(days=days)), end)
        found = find(_warehouse(), window, tasks, grid)
        joined = joined_gaps(found, window.duration).assign(window=lambda rows: rows["window"].map(str))
        typer.echo(_text(joined, Format.TABLE) if len(joined) else f"No gap: every window of {window} is whole.")


@app.command()
def migrate(verbose: Verbose = False) -> None:
    """Create the warehouse's tables, or bring them to the code's revision."""
    with _one_sentence(verbose):
        warehouse = _warehouse()
        warehouse.migrate()
        typer.echo(f"{warehouse.url.render_as_string()} is at revision {state.revision(warehouse)}.")


def _warehouse() -> Warehouse:
    return Warehouse(settings().warehouse, settings().lock_timeout_seconds)


def _text(rows: pd.DataFrame, form: Format) -> str:
    if form is Format.CSV:
        return rows.to_csv(index=False)
    if form is Format.JSON:
        return rows.to_json(orient="records", date_format="iso", date_unit="us", indent=2, force_ascii=False)
    return rows.to_string(index=False, na_rep="") if len(rows) else f"no rows ({', '.join(rows.columns)})"


@contextmanager
def _one_sentence(verbose: bool) -> Iterator[None]:
    try:
        yield
    except AlmanacError as error:
        if verbose:
            raise
        typer.echo(str(error), err=True)
        sys.exit(1)


if __name__ == "__main__":
    app(prog_name="python -m include.warehouse")
