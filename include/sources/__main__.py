"""`python -m include.sources`: list what can be read, or read an hour of one source for a look."""

from pathlib import Path
from typing import Annotated

import typer

from include.clock import SystemClock
from include.config import Config, load_config
from include.config.problem import one_of
from include.config.source import SourceConfig
from include.errors import AlmanacError, PermanentError
from include.http import Credentials, Tally, parse_connection
from include.inbox import inbox_beside
from include.settings import connection_in_environment, settings
from include.sources.offers import OFFERS
from include.sources.registry import open_source
from include.sources.trial import report, try_source
from include.window import Grid, Window

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)
Folder = Annotated[Path | None, typer.Option("--dir", help="Configuration to read; ALMANAC_CONFIG_DIR if left out.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show the trace of an error.")]


class CannotTry(PermanentError):  # noqa: N818 - reads as a sentence
    """A trial for which something is missing."""


@app.command("list")
def list_sources(folder: Folder = None, verbose: Verbose = False) -> None:
    """Show which datasets each type of source can bring, and what the configuration reads."""
    try:
        config = load_config(folder or settings().config_dir)
    except AlmanacError as error:
        _fail(error, verbose)
    typer.echo("Types of source, and the datasets that they can bring:")
    for name, datasets in OFFERS.items():
        typer.echo(f"  {name:14}{', '.join(datasets)}")
    typer.echo(f"\nSources in {config.folder}:")
    for source in config.sources.values():
        login = f", connection {source.connection}" if source.connection else ""
        typer.echo(f"  {source.name} ({source.type}{login}{'' if source.enabled else ', switched off'})")
        for query, dataset in _asked(config, source).items():
            typer.echo(f"    {query:30}{dataset}")


@app.command("test")
def read_once(
    name: Annotated[str, typer.Argument(metavar="SOURCE", help="Source of sources.yaml.")],
    *,
    folder: Folder = None,
    feed: Annotated[
        str | None, typer.Option(help="Feed or metric query to read; the source's first if left out.")
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="start/end, or the start of an hour (UTC); the last whole hour if left out.")
    ] = None,
    login: Annotated[str | None, typer.Option(help="User name for this run.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="File with the password for this run.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="File with a token for this run.")] = None,
    verbose: Verbose = False,
) -> None:
    """Read a window of a source and show what it brings, how fast, and what a day would cost.

    Nothing is landed, loaded or remembered. The login is that of the options, else that of the source's connection in
    the environment (AIRFLOW_CONN_…, as JSON or a URI).
    """
    try:
        config = load_config(folder or settings().config_dir)
        source = _source(config, name)
        query = config.query_of(name, feed or _first(config, source))
        who = _given(login, password_file, token_file) or _credentials(source)
        behind = config.sources[source.history_from] if source.history_from else None
        tally = Tally()
        opened = open_source(
            source,
            query,
            who,
            home=settings().home,
            history=(behind, _credentials(behind)) if behind else None,
            max_series=settings().max_series_per_query,
            inbox=inbox_beside(settings().landing),
            redaction=config.logs.redaction,
            tally=tally,
        )
        read = _window(window)
        typer.echo(f"{name} ({source.type}), {query.name} ({_asked(config, source)[query.name]}), {read}\n")
        trial = try_source(opened, read, tally)
    except AlmanacError as error:
        _fail(error, verbose)
    for line in report(trial):
        typer.echo(line)


def _asked(config: Config, source: SourceConfig) -> dict[str, str]:
    """Return the metric queries and feeds of a source, switched off or not, with their datasets."""
    queries = {query.name: "metric_point" for query in config.queries.values() if source.name in query.sources}
    return queries | {feed.name: str(feed.dataset) for feed in source.feeds.values()}


def _source(config: Config, name: str) -> SourceConfig:
    source = config.sources.get(name)
    if source is None:
        raise CannotTry(f"No source is called {name!r}; there is {one_of(name, list(config.sources))}.")
    return source


def _first(config: Config, source: SourceConfig) -> str:
    names = list(_asked(config, source))
    if not names:
        raise CannotTry(f"Source {source.name!r} has no feed, and no query of queries.yaml asks it. Give it one.")
    if len(names) > 1:
        typer.echo(f"Of {len(names)} feeds and queries the first is read; --feed reads another: {', '.join(names[1:])}")
    return names[0]


def _window(text: str | None) -> Window:
    """Return the window to read, as far as it is past."""
    now = SystemClock().now()
    asked = Window.parse(text) if text else Window.last_complete(now, Grid.HOUR)
    if asked.start >= now:
        raise CannotTry(f"{asked} has not begun yet. Give a window of the past.")
    return Window(asked.start, min(asked.end, now))


def _given(login: str | None, password_file: Path | None, token_file: Path | None) -> Credentials | None:
    """Return the credentials of the options; None where there are none."""
    if not (login or password_file or token_file):
        return None
    password = _text(password_file) if password_file else ""
    return Credentials(login or "", password, _text(token_file) if token_file else "")


def _credentials(source: SourceConfig) -> Credentials | None:
    """Return the credentials of the connection that a source names, from the environment; None where it needs none."""
    if source.connection is None or source.type == "webhook":  # a webhook's secret is for those who deliver
        return None
    text = connection_in_environment(source.connection)
    if not text:
        raise CannotTry(
            f"Source {source.name!r} names the connection {source.connection!r}, which is not in the environment. Set "
            f"AIRFLOW_CONN_{source.connection.upper()}, as JSON or a URI (airflow connections get "
            f"{source.connection} -o json shows it), or give --login and --password-file, or --token-file."
        )
    return parse_connection(text, source.connection)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotTry(f"{path} cannot be read ({error}). Name a text file.") from error


def _fail(error: AlmanacError, verbose: bool) -> None:
    if verbose:
        raise error
    typer.echo(str(error), err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
