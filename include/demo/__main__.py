"""Commands of the simulated fleet: write history, follow the clock, make a point late, tell the truth."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from include.clock import SystemClock
from include.demo.files import RECORDS, reach_of, write_day, write_metrics
from include.demo.fleet import INDEX
from include.demo.follow import follow as follow_clock
from include.demo.measure import measure
from include.demo.state import Injection, State, StateError, default_path, read_state, write_state
from include.demo.truth import truth as tell
from include.demo.world import MINUTES, day_of, moment_of
from include.errors import AlmanacError
from include.window import parse_time

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

_shown = {"trace": False}

Folder = Annotated[Path, typer.Argument(help="Folder that the platform reads.")]
StateOption = Annotated[
    Path | None, typer.Option("--state", help="The world's own file; default FOLDER-world/state.json, beside FOLDER.")
]


@app.callback(help=__doc__)
def options(*, verbose: Annotated[bool, typer.Option(help="Show the trace of an error.")] = False) -> None:
    """Take what holds for every command."""
    _shown["trace"] = verbose


@app.command()
def write(
    folder: Folder,
    *,
    seed: Annotated[int, typer.Option(help="Draws the world; used only when there is none yet.")] = 7,
    end: Annotated[str, typer.Option(help="History ends here, such as 2026-11-21T06:00; default now.")] = "",
    days: Annotated[int, typer.Option(min=1, help="Days of history; used only when there is no world yet.")] = 28,
    state: StateOption = None,
    logs: Annotated[bool, typer.Option(help="Write logs.")] = True,
    traces: Annotated[bool, typer.Option(help="Write traces.")] = True,
) -> None:
    """Write the fleet's history up to END; run again, it adds only what is missing."""
    began = time.monotonic()
    until = parse_time(end) if end else SystemClock().now()
    path = state or default_path(folder)
    if not path.exists():
        write_state(path, State(seed, until, day_of(until) - days), folder)
    known = read_state(path)
    datasets = ["metrics", *RECORDS, *(name for name, on in (("logs", logs), ("traces", traces)) if on)]
    last = day_of(until) if until > moment_of(day_of(until) * MINUTES) else day_of(until) - 1
    for day in range(known.first_day, last + 1):
        write_day(folder, known, day, until, datasets)
        done, of = day - known.first_day + 1, last - known.first_day + 1
        if sys.stderr.isatty():
            typer.echo(f"\r{done}/{of} days ", nl=False, err=True)
    typer.echo(
        f"{last - known.first_day + 1} days up to {until:%Y-%m-%d %H:%M} UTC in {time.monotonic() - began:.1f} s"
    )


@app.command()
def follow(folder: Folder, state: StateOption = None) -> None:
    """Write every minute what became known since; stop with SIGTERM or Ctrl-C."""
    follow_clock(folder, state or default_path(folder), SystemClock())


@app.command()
def inject(
    folder: Folder,
    *,
    metric: Annotated[str, typer.Option(help="Metric, such as latency_p95.")],
    service: Annotated[str, typer.Option(help="Service, such as checkout.")],
    at: Annotated[str, typer.Option(help="Minute of the point, such as 2026-11-20T14:05.")],
    value: Annotated[float, typer.Option(help="The point's new value.")],
    state: StateOption = None,
) -> None:
    """Rewrite one point of the past, or add it where it is missing, as if it had arrived late."""
    path = state or default_path(folder)
    known = read_state(path)
    moment = parse_time(at)
    day = day_of(moment)
    metrics = measure(known.world, day)
    if metric not in metrics or service not in INDEX or INDEX[service] not in metrics[metric].services:
        raise StateError(f"There is no metric {metric!r} of a service {service!r}. Names are as in config/fleet.")
    through = reach_of(folder, day)
    if through <= moment:
        raise StateError(f"{moment.isoformat()} is not written yet in {folder}. Give an earlier time.")
    changed = known.with_injection(Injection(metric, service, moment.isoformat(), value))
    write_state(path, changed, folder)
    write_metrics(folder / "metrics" / f"{moment:%Y-%m-%d}.parquet", changed, day, through)
    typer.echo(f"{metric} of {service} at {moment.isoformat()} is now {value:g}")


@app.command()
def truth(
    states: Annotated[list[Path], typer.Argument(help="State files, or folders whose state lies beside them.")],
    out: Annotated[Path, typer.Option(help="Where the truth goes, as JSON.")],
    until: Annotated[str, typer.Option(help="Tell what happened until then; default: each world's anchor.")] = "",
) -> None:
    """Write what was planted: computed anew from the seed, never read from the observable folder."""
    found = []
    for given in states:
        state = read_state(given if given.is_file() else default_path(given))
        end = parse_time(until) if until else state.anchor
        found.append(tell(state.world, moment_of(state.first_day * MINUTES), end))
    out.write_text(json.dumps(found[0] if len(found) == 1 else found, indent=1) + "\n")
    typer.echo(f"{sum(len(one['faults']) for one in found)} faults in {out}")


def main() -> None:
    """Run a command; an error of ours is one sentence and exit code 1."""
    try:
        app()
    except AlmanacError as error:
        if _shown["trace"]:
            raise
        typer.echo(str(error), err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
