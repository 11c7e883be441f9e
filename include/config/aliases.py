"""From the name by which a system calls a service to the service: exact names first, then patterns in file order."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from include.config.service import Service, is_pattern

UNRESOLVED = "unresolved:"


@dataclass(frozen=True)
class AliasResolver:
    """Resolves the names of one source. Meant for distinct names (dictionary values); remembers what it has seen."""

    exact: Mapping[str, str]
    patterns: tuple[tuple[re.Pattern[str], str], ...]
    _known: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, source: str, services: Iterable[Service]) -> "AliasResolver":
        """Build the resolver of one source; a service's own name always stands for it."""
        exact: dict[str, str] = {}
        patterns: list[tuple[re.Pattern[str], str]] = []
        for service in services:
            exact[service.name] = service.name
            for alias in service.aliases.get(source, ()):
                if is_pattern(alias):
                    patterns.append((re.compile(alias[1:-1]), service.name))
                else:
                    exact[alias] = service.name
        return cls(exact, tuple(patterns))

    def resolve(self, alias: str) -> str:
        """Return the service's name, or `unresolved:<alias>` where nothing in the configuration knows it."""
        known = self._known.get(alias)
        if known is None:
            known = self.exact.get(alias) or next(iter(self.matching(alias)), f"{UNRESOLVED}{alias}")
            self._known[alias] = known
        return known

    def resolve_many(self, aliases: Iterable[str]) -> list[str]:
        """Return the service of each alias, in order."""
        return [self.resolve(alias) for alias in aliases]

    def matching(self, alias: str) -> list[str]:
        """Return every service of which a pattern matches the whole alias, in file order; two mean ambiguity."""
        return list(dict.fromkeys(name for pattern, name in self.patterns if pattern.fullmatch(alias)))
