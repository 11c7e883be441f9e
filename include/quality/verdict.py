"""What the judge says of one batch."""

from dataclasses import dataclass, field
from enum import StrEnum

import pyarrow as pa

from include.errors import PermanentError
from include.quality.shape import Shape

QUARANTINED = pa.schema([pa.field("rule", pa.string(), nullable=False), pa.field("raw", pa.string(), nullable=False)])


class QualityError(PermanentError):
    """The judge itself could not do its work."""


class Level(StrEnum):
    """What a broken rule does."""

    STOP = "stop"
    """The batch is not loaded."""
    WARN = "warn"
    """The batch is loaded and the Data page says so."""
    QUARANTINE = "quarantine"
    """The rows that break it are set apart, and count towards the batch's tolerance."""
    DROP = "drop"
    """The rows that break it are set apart, and do not count: they say nothing, or nothing new."""


@dataclass(frozen=True)
class RuleResult:
    """How one rule fared: what was observed, what was expected, how many rows broke it."""

    rule: str
    level: Level
    success: bool
    observed: float | None
    expected: str
    failed_rows: int = 0
    message: str | None = None


@dataclass(frozen=True)
class Verdict:
    """Good rows in the dataset's contract, quarantined rows `[rule, raw]`, results, and why the load must stop, if so.

    Every row of the batch is in exactly one of the two tables.
    """

    good: pa.Table
    quarantined: pa.Table
    results: list[RuleResult]
    stop: str | None
    learned: Shape = field(default_factory=dict)
    """Columns of the feed of which more is known now, or something else."""

    @property
    def rows(self) -> int:
        """Rows of the batch."""
        return self.good.num_rows + self.quarantined.num_rows

    @property
    def warnings(self) -> list[RuleResult]:
        """Batch rules that failed without stopping the load."""
        return [result for result in self.results if result.level is Level.WARN and not result.success]
