"""`python -m include.config`: check a configuration, or write a starter for a running Prometheus."""

import sys
from pathlib import Path
from typing import Annotated

import httpx
import typer
from pydantic import ValidationError

from include.config.configuration import Config
from include.config.discovery import DiscoveryError, Prometheus
from include.config.load import load_config
from include.config.names import check_names, parse_names
from include.config.source import SourceConfig
from include.config.starter import MAX_GAUGES, Wanted, build_starter, write_starter
from include.config.values import parse_duration
from include.errors import AlmanacError
from include.settings import settings

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)
Verbose = Annotated[bool, typer.Option("--verbose", help="Show the trace of an error.")]


@app.command()
def check(
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Folder to check; ALMANAC_CONFIG_DIR if left out.")
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(help="File with lines 'source,name' to resolve; '-' reads standard input."),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Print every error and every unresolved name at once; exit 1 if there is any."""
    try:
        config = load_config(folder or settings().config_dir)
        text = "" if names is None else sys.stdin.read() if str(names) == "-" else _read(names)
    except AlmanacError as error:
        _fail(error, verbose)
    for note in config.notes:
        typer.echo(f"note: {note}")
    problems = check_names(config, parse_names(text))
    for problem in problems:
        typer.echo(str(problem), err=True)
    if problems:
        count = _count(len(problems), "name")
        typer.echo(f"{count} unresolved. Add aliases in {config.folder / 'services.yaml'}.", err=True)
        raise typer.Exit(1)
    typer.echo(_summary(config))


@app.command()
def discover(
    url: Annotated[str, typer.Argument(metavar="PROMETHEUS_URL", help="Such as http://localhost:9090.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder to write the YAML files into.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
    source: Annotated[str, typer.Option(help="What to call this source.")] = "prometheus",
    step: Annotated[str, typer.Option(help="Time from one point to the next.")] = "1m",
    all_gauges: Annotated[
        bool, typer.Option("--all-gauges", help="Also one query for each gauge that no ready query reads.")
    ] = False,
    max_gauges: Annotated[int, typer.Option(min=1, help="How many of those at most.")] = MAX_GAUGES,
    connection: Annotated[str | None, typer.Option(help="Airflow connection that will hold the login.")] = None,
    login: Annotated[str | None, typer.Option(help="User name for this run.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="File with the password for this run.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="File with a bearer token for this run.")] = None,
    verbose: Verbose = False,
) -> None:
    """Ask a Prometheus what it holds and write services, sources, queries, limits and SLOs for it."""
    try:
        _check_arguments(url, source, step, connection)
        headers = {"Authorization": f"Bearer {_read(token_file).strip()}"} if token_file else {}
        auth = (login, _read(password_file).strip() if password_file else "") if login else None
        base = f"{url.rstrip('/')}/"
        with httpx.Client(base_url=base, headers=headers, auth=auth, timeout=30, follow_redirects=True) as client:
            prometheus = Prometheus(client)
            wanted = Wanted(url.rstrip("/"), source, step, connection, max_gauges if all_gauges else 0)
            starter = build_starter(prometheus, wanted)
        write_starter(starter, out, force)
        config = load_config(out)
    except AlmanacError as error:
        _fail(error, verbose)
    typer.echo(f"Wrote {', '.join(starter.files)} to {out}.")
    if starter.gauges_left_out:
        typer.echo(f"{_count(starter.gauges_left_out, 'gauge')} left out; raise --max-gauges to have them.")
    typer.echo(_summary(config))
    typer.echo(f"Next: name owners in {out}/services.yaml, then run: make run CONFIG={out}")


def _check_arguments(url: str, source: str, step: str, connection: str | None) -> None:
    try:
        SourceConfig.model_validate({"name": source, "type": "prometheus", "url": url, "connection": connection})
        parse_duration(step)
    except ValueError as error:
        what = f"step must be {error}"
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            key = str(first["loc"][0]) if first["loc"] else "address"
            what = f"{key} must be {first['msg'].removeprefix('Value error, ')}"
        raise DiscoveryError(f"An argument cannot be used: the {what}. See --help.") from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DiscoveryError(f"{path} cannot be read ({error}). Name a text file.") from error


def _summary(config: Config) -> str:
    parts = [
        _count(len(config.services), "service"),
        _count(len(config.sources), "source"),
        _count(len(config.queries), "query", "queries"),
        _count(len(config.feeds), "feed"),
        _count(len(config.limits), "limit"),
        _count(len(config.slos), "SLO"),
    ]
    mail = "on" if config.mail.enabled else "off"
    return f"OK: {', '.join(parts)}; mail is {mail}. Fingerprint {config.fingerprint}."


def _count(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _fail(error: AlmanacError, verbose: bool) -> None:
    if verbose:
        raise error
    typer.echo(str(error), err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
