"""Names that systems use, held against the configuration: which are unresolved, and which mean two services."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from include.config.aliases import UNRESOLVED
from include.config.configuration import Config


@dataclass(frozen=True, order=True)
class NameProblem:
    """One name of one source that the configuration does not place."""

    source: str
    name: str
    message: str

    def __str__(self) -> str:
        return f"{self.source}: {self.name!r} {self.message}"


def parse_names(text: str) -> Iterator[tuple[str, str]]:
    """Yield (source, name) from CSV with two columns; a header `source,service_alias` and empty lines are left out."""
    for row in csv.reader(text.splitlines()):
        source, name = (*(part.strip() for part in row[:2]), "", "")[:2]
        if name and (source, name) != ("source", "service_alias"):
            yield source, name


def check_names(config: Config, names: Iterable[tuple[str, str]]) -> list[NameProblem]:
    """Return each distinct name that no service has, or that patterns of several services match."""
    problems: list[NameProblem] = []
    for source, name in sorted(set(names)):
        if source not in config.sources:
            problems.append(NameProblem(source, name, "comes from a source that sources.yaml does not have"))
            continue
        resolver = config.resolver(source)
        matching = resolver.matching(name) if name not in resolver.exact else []
        if len(matching) > 1:
            problems.append(NameProblem(source, name, f"means several services: {', '.join(matching)}"))
        elif resolver.resolve(name).startswith(UNRESOLVED):
            close = get_close_matches(name, list(resolver.exact), n=1)
            guess = f"; perhaps an alias of {resolver.exact[close[0]]!r}" if close else ""
            problems.append(NameProblem(source, name, f"is no service{guess}"))
    return problems
