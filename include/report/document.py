"""The typed document that every report is: verdict, what needs action, what changed, evidence, everything, fine print.

A document holds data, never pixels: the pages, the mail, the CSV and the JSON are all made from it. It depends only on
its inputs, so the same window gives the same bytes. Times are UTC; `time_zone` says in which zone people read them.
"""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from include.window import Window

MOST_ACTIONS = 7
MOST_ROWS = 200
EVERYONE = "everyone"


class Part(BaseModel):
    """A frozen part of a document; unknown keys and infinite numbers are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Level(StrEnum):
    """How urgent something is, from worst to best, and `unknown` where nobody can say."""

    CRITICAL = "critical"
    WARNING = "warning"
    UNKNOWN = "unknown"
    OK = "ok"

    @property
    def rank(self) -> int:
        """Position when sorted worst first, 0..3."""
        return list(Level).index(self)


class Verdict(Part):
    """One sentence with the number that matters; `subject` is its short form for the subject line of a mail."""

    level: Level
    text: str
    subject: str = Field(max_length=69)


class Action(Part):
    """One row that needs action: what, when, how sure, owner, and what to do."""

    subject: str
    what: str
    when: str
    at: AwareDatetime | None = Field(default=None, description="the moment that `when` speaks of")
    to_the_minute: bool = Field(default=False, description="whether the hour of `at` means anything")
    sure: str
    owner: str | None
    level: Level
    recommendation: str
    reason: str
    chart: str | None = Field(default=None, description="id of the chart that is its evidence")
    judged: str | None = Field(default=None, description="id of the episode that people may call real or noise")


class Change(Part):
    """One thing that is not as it was in the report before."""

    kind: Literal["new", "worse", "better", "gone"]
    subject: str
    text: str


class Standing(Part):
    """Where one subject stands, for the next report to compare with; more `severity` is worse.

    A document keeps those in trouble: what is not among them was fine, unknown or not there.
    """

    subject: str
    level: Level
    text: str
    severity: float = Field(description="comparable number in `unit`; more is worse")
    material: float = Field(description="the smallest difference of `severity` that is worth a word")


class Trace(Part):
    """A line over time on a regular grid; null where there is no value."""

    label: str
    role: Literal["measured", "expected", "pace"]
    start: AwareDatetime
    step_seconds: int = Field(gt=0)
    values: list[float | None]


class Band(Part):
    """A shaded range over time, on the same kind of grid."""

    label: str
    start: AwareDatetime
    step_seconds: int = Field(gt=0)
    lower: list[float | None]
    upper: list[float | None]


class Limit(Part):
    """A horizontal line with its label."""

    label: str
    value: float


class Span(Part):
    """A stretch of time that is marked on the chart, such as when a resource runs out."""

    label: str
    start: AwareDatetime
    end: AwareDatetime


class Chart(Part):
    """One small chart, as data: `alternative` says in words what it shows."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    alternative: str
    unit: str
    level: Level
    now: AwareDatetime
    traces: list[Trace]
    band: Band | None = None
    limit: Limit | None = None
    span: Span | None = None


class TextColumn(Part):
    """Words."""

    kind: Literal["text"] = "text"
    key: str
    label: str
    values: list[str | None]


class NumberColumn(Part):
    """Numbers in one unit; where rows differ in unit, `units` has one per row."""

    kind: Literal["number"] = "number"
    key: str
    label: str
    unit: str | None
    units: list[str] | None = None
    values: list[float | None]


class TimeColumn(Part):
    """Moments in UTC; `resolution` says whether the hour means anything."""

    kind: Literal["time"] = "time"
    key: str
    label: str
    resolution: Literal["day", "minute"] = "minute"
    values: list[AwareDatetime | None]


class LevelColumn(Part):
    """Levels of urgency, with the word that the report uses for each."""

    kind: Literal["level"] = "level"
    key: str
    label: str
    values: list[Level]
    words: list[str]


class FeedbackColumn(Part):
    """What people said of each episode: a page has buttons there, everything else only the word."""

    kind: Literal["feedback"] = "feedback"
    key: str
    label: str
    values: list[str | None]
    subjects: list[str] = Field(description="id of each row's episode")
    services: list[str]
    whats: list[str] = Field(description="what each episode is of, as a person says it")


Column = Annotated[TextColumn | NumberColumn | TimeColumn | LevelColumn | FeedbackColumn, Field(discriminator="kind")]


class Table(Part):
    """A table by columns; each has one value per row. `empty` says what would fill it."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    note: str = ""
    empty: str
    columns: list[Column]
    rows_cut: int = Field(default=0, ge=0, description="rows beyond these, in a document that was cut for a page")

    @model_validator(mode="after")
    def _one_value_per_row(self) -> Self:
        heights = {column.label: len(column.values) for column in self.columns}
        if len(set(heights.values())) > 1:
            raise ValueError(f"table {self.id!r} has columns of different heights: {heights}")
        return self

    @property
    def height(self) -> int:
        """Number of rows."""
        return len(self.columns[0].values) if self.columns else 0

    def short(self) -> "Table":
        """Return the table with its first `MOST_ROWS` rows."""
        if self.height <= MOST_ROWS:
            return self
        columns = [
            column.model_copy(
                update={
                    name: held[:MOST_ROWS]
                    for name in ("values", "units", "words", "subjects", "services", "whats")
                    if isinstance(held := getattr(column, name, None), list)
                }
            )
            for column in self.columns
        ]
        return self.model_copy(update={"columns": columns, "rows_cut": self.height - MOST_ROWS})

    def column(self, key: str) -> Column:
        """Return the column of that key; raises `KeyError`."""
        for column in self.columns:
            if column.key == key:
                return column
        raise KeyError(key)


class ModelNote(Part):
    """A model that made numbers of this document, and for how many rows."""

    name: str
    rows: int


class LeftOut(Part):
    """Something that the report does not judge, and why."""

    subject: str
    reason: str


class FinePrint(Part):
    """What a careful reader asks: how complete, by which models, what is missing, when the next one comes."""

    coverage: float | None = Field(default=None, ge=0, le=1, description="share of the expected points that arrived")
    models: list[ModelNote] = []
    left_out: list[LeftOut] = []
    notes: list[str] = []
    next_at: AwareDatetime | None = None
    unsubscribe: str = ""
    run_id: str = ""


class Document(Part):
    """One report, for one audience, for one window."""

    schema_version: Literal[1] = 1
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    title: str
    audience: str = Field(min_length=1, max_length=120)
    time_zone: str
    window_start: AwareDatetime
    window_end: AwareDatetime
    verdict: Verdict
    actions: list[Action] = Field(default=[], max_length=MOST_ACTIONS)
    actions_beyond: int = Field(default=0, ge=0, description="rows that need action beyond those shown")
    nothing_to_do: str
    compared: bool = Field(default=False, description="whether reports of this kind say what changed")
    previous_end: AwareDatetime | None = None
    changes: list[Change] = []
    charts: list[Chart] = []
    tables: list[Table] = []
    standings: list[Standing] = []
    fine_print: FinePrint

    @property
    def window(self) -> Window:
        """The window that the report is about."""
        return Window(self.window_start, self.window_end)

    @property
    def id(self) -> str:
        """Stable id of this report: 16 hexadecimal digits from name, audience and window."""
        return report_id(self.name, self.audience, self.window)

    def short(self) -> "Document":
        """Return the document as a page shows it: tables cut to their first rows. The same one where none is long."""
        tables = [table.short() for table in self.tables]
        return self if tables == self.tables else self.model_copy(update={"tables": tables})

    def to_json(self) -> bytes:
        """Return the document as JSON; `from_json` reads it back to an equal value."""
        return self.model_dump_json().encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Document":
        """Read a document; raises pydantic's `ValidationError` on anything that is none."""
        return cls.model_validate_json(text)


class Edition(BaseModel):
    """For whom a document is built, and what every part of it may say of its surroundings."""

    model_config = ConfigDict(frozen=True)

    audience: str = EVERYONE
    time_zone: str = "UTC"
    next_at: datetime | None = None
    run_id: str = ""

    @property
    def for_everyone(self) -> bool:
        """Whether this edition is about all services, whoever owns them."""
        return self.audience == EVERYONE

    @property
    def unsubscribe(self) -> str:
        """How to stop the mail."""
        return (
            f"To stop this mail, take your address out of “{self.audience}” in mail.yaml, or ask whoever runs Almanac."
        )


def report_id(name: str, audience: str, window: Window) -> str:
    """Return the id of a report: the same name, audience and window always give the same."""
    return hashlib.blake2b(f"{name}\x1f{audience}\x1f{window.key}".encode(), digest_size=8).hexdigest()
