"""`python -m include.stack run | fill | status | down`: the local installation behind `make run`."""

import os
import sys
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from include.clock import SystemClock
from include.config import load_config
from include.errors import AlmanacError
from include.settings import REPOSITORY, Settings
from include.stack import summary
from include.stack.environment import USER, load_secrets
from include.stack.job import HISTORY_DAYS, PARTITIONS, Job
from include.stack.processes import Supervisor
from include.stack.terminal import Terminal
from include.window import Grid, Window

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Almanac on this machine: start, run the main job, stop."
)

Config = Annotated[
    Path | None, typer.Option("--config", help="Folder with your own YAML; without it, the simulated fleet.")
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show the trace of an error.")]


def settings_of(config: Path | None) -> Settings:
    """Return the settings of the home that belongs to a configuration folder."""
    settings = Settings()
    if config is not None:
        folder = config.resolve()
        home = settings.home if "ALMANAC_HOME" in os.environ else REPOSITORY / f".almanac-{folder.name}"
        settings = settings.model_copy(update={"config_dir": folder, "home": home})
    return settings.model_copy(update={"home": settings.home.resolve()})


@app.command()
def run(
    config: Config = None,
    days: Annotated[int, typer.Option(min=2, max=120, help="Days of history to load.")] = HISTORY_DAYS,
    headless: Annotated[
        bool, typer.Option("--headless", help="Stop everything at the end; fail on any failure.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Start everything, load history, train, detect, report; then say what was found and where to look."""

    def main() -> None:
        settings = settings_of(config)
        here = Job(settings, load_config(settings.config_dir), SystemClock(), Terminal(), days)
        grid = Grid.of(here.settings.grid_minutes)
        end = grid.floor(here.clock.now())
        recent = PARTITIONS * grid.step
        here.terminal.print(f"\n  Almanac · {here.settings.config_dir.name} · {here.settings.home}\n")
        here.ask_sources()
        try:
            if here.has_fleet:
                here.simulate(end)
            here.prepare()
            here.start()
            if here.has_fleet:
                here.follow_fleet()
            here.unpause()
            here.load_history(Window(end - timedelta(days=days), end - recent))
            here.load_partitions(list(Window(end - recent, end).split(grid)))
            here.report(end)
            here.record_runs()
            here.terminal.print(summary.text(here, end, headless=headless))
            here.must_be_whole()
        finally:
            if headless:
                stopped = here.stop()
                here.terminal.print(f"  Stopped {', '.join(stopped)}.\n")

    _guarded(main, verbose)


@app.command()
def fill(
    config: Config = None,
    days: Annotated[int, typer.Option(min=1, max=120, help="How far back to look for gaps.")] = 7,
    source: Annotated[list[str] | None, typer.Option(help="Only this source; may be given again.")] = None,
    verbose: Verbose = False,
) -> None:
    """Read again what is missing, failed or short, and recompute what hangs on it; needs a running installation."""

    def main() -> None:
        settings = settings_of(config)
        here = Job(settings, load_config(settings.config_dir), SystemClock(), Terminal())
        here.fill(days, source)
        here.must_be_whole()

    _guarded(main, verbose)


@app.command()
def status(config: Config = None, verbose: Verbose = False) -> None:
    """Say which servers run, and where."""

    def main() -> None:
        settings = settings_of(config)
        running = Supervisor(settings.home, {}, REPOSITORY).running()
        for name, pid in running.items():
            typer.echo(f"  {name:<14} pid {pid}")
        typer.echo(
            f"  Airflow {settings.ui} (sign in as {USER}, password {load_secrets(settings.home).password})"
            if running
            else "  Nothing runs."
        )

    _guarded(main, verbose)


@app.command()
def down(config: Config = None, verbose: Verbose = False) -> None:
    """Stop every server that `run` has started."""

    def main() -> None:
        stopped = Supervisor(settings_of(config).home, {}, REPOSITORY).stop()
        typer.echo(f"  Stopped {', '.join(stopped)}." if stopped else "  Nothing was running.")

    _guarded(main, verbose)


def _guarded(main: Callable[[], None], verbose: bool) -> None:
    """Run `main`; an error of ours is one sentence on stderr and exit status 1."""
    try:
        main()
    except AlmanacError as error:
        if verbose:
            traceback.print_exc()
        sys.stderr.write(f"\n  {error}\n\n")
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
