"""What is wrong with a configuration: each problem on its own, all of them in one error."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from include.errors import PermanentError


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong: where it stands, what was found there, and what is allowed."""

    file: str
    line: int
    key: str
    found: str
    allowed: str

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        return f"{self.file}:{self.line}: {key}found {self.found}; allowed: {self.allowed}"


class ConfigError(PermanentError):
    """A configuration that cannot be used; `problems` holds everything that is wrong with it, in file order."""

    def __init__(self, folder: str, problems: Iterable[Problem]) -> None:
        self.folder = folder
        self.problems: tuple[Problem, ...] = tuple(sorted(set(problems)))
        count = len(self.problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(
            f"The configuration in {folder} has {count} problem{'s' if count != 1 else ''}:\n{lines}\n"
            f"Mend them, then run: python -m include.config check --dir {folder}"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.folder, self.problems)


def one_of(found: str, allowed: Sequence[str]) -> str:
    """Return the allowed names as text, and the one that `found` was probably meant to be.

    >>> one_of("ownr", ["owner", "tier"])
    "owner, tier; did you mean 'owner'?"
    """
    close = get_close_matches(found, allowed, n=1)
    shown = ", ".join(allowed[:30]) + (f" and {len(allowed) - 30} more" if len(allowed) > 30 else "")
    return f"{shown or 'nothing, none is declared'}" + (f"; did you mean {close[0]!r}?" if close else "")
