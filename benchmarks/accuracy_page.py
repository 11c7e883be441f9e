"""Writes what benchmarks measured into a page, between its markers; what people wrote around them stays.

`python -m benchmarks.accuracy_page anomaly.json scoring.json` takes what `--json` wrote. The table of a benchmark goes
between `<!-- figures: NAME -->` and `<!-- end of figures -->`; a page without its markers gets them at its end.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from include.clock import Clock, SystemClock
from include.errors import AlmanacError

PAGE = Path("docs/accuracy.md")
TITLE = "# How accurate detection is\n"
END = "<!-- end of figures -->"
HEADER = ("data", "metric", "value", "goal", "baselines", "n", "note")


class PageError(AlmanacError):
    """A page or a file of figures that cannot be used."""


def written(page: str, documents: Sequence[Mapping[str, Any]], day: date) -> str:
    """Return the page with the figures of each document in its place.

    Raises `PageError` where a place has a beginning and no end.
    """
    for document in documents:
        begin = f"<!-- figures: {document['benchmark']} -->"
        figures = f"{begin}\n{_figures(document, day)}\n{END}"
        if begin not in page:
            page = f"{page.rstrip()}\n\n{figures}\n"
            continue
        before, _, rest = page.partition(begin)
        _, found, after = rest.partition(END)
        if not found:
            raise PageError(f"The page has {begin!r} but no {END!r} behind it. Add the line where the table ends.")
        page = f"{before}{figures}{after}"
    return page


def _figures(document: Mapping[str, Any], day: date) -> str:
    lines = ["| " + " | ".join(HEADER) + " |", "|" + "---|" * len(HEADER)]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in document["rows"]]
    command = f"`python -m benchmarks.{document['benchmark']}`"
    return f"{command}, {day.isoformat()}, commit `{str(document['commit'])[:12]}`.\n\n" + "\n".join(lines)


def _cells(row: Mapping[str, Any]) -> list[str]:
    goal = ""
    if row["goal"] is not None:
        goal = f"{'≥' if row['higher_is_better'] else '≤'} {_number(row['goal'])}"
    baselines = ", ".join(f"{name} {_number(value)}" for name, value in row["baselines"].items())
    count = f"{row['n']:,}" if row["n"] else ""
    cells = [row["name"], row["metric"], _number(row["value"]), goal, baselines, count, row["note"]]
    return [re.sub(r"\s+", " ", cell).replace("|", "\\|") for cell in cells]


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def write(files: Sequence[Path], page: Path, clock: Clock) -> None:
    """Write the figures of these files into the page. Raises `PageError` for a file that holds none."""
    documents = []
    for file in files:
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            document["benchmark"], document["commit"], document["rows"]
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise PageError(f"{file} holds no figures ({problem}). Write it with a benchmark's --json.") from None
        documents.append(document)
    known = page.read_text(encoding="utf-8") if page.exists() else TITLE
    page.write_text(written(known, documents, clock.now().date()), encoding="utf-8")


def main(
    files: Annotated[list[Path], typer.Argument(help="What benchmarks wrote with --json.")],
    page: Annotated[Path, typer.Option(help="The page to write into.")] = PAGE,
) -> None:
    """Write figures into the page."""
    try:
        write(files, page, SystemClock())
    except PageError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)
