"""A source: one system that is read, and the feeds of alerts, incidents and changes that it has."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from include.config.drift import DriftPolicy
from include.config.options import option_problems, options_of
from include.config.values import Duration, Model, Name, PositiveDuration, Text, Time, TimeZone, one_or_many

SourceType = Literal[
    "prometheus", "alertmanager", "files", "fleet", "datadog", "loki", "elasticsearch", "splunk", "jaeger", "zipkin",
    "tempo", "pagerduty", "opsgenie", "servicenow", "jira", "github", "kubernetes", "webhook", "kafka",
]  # fmt: skip
LineForm = Literal[
    "auto", "json", "container", "syslog", "access", "error", "logfmt", "klog", "java", "python", "database",
    "time-first", "time-inside",
]  # fmt: skip
FeedDataset = Literal["alert", "incident", "incident_change", "change_event", "feedback", "log_event", "span"]

PAGES = "almanac-pages"
"""The name under which words of people from the pages are loaded; no source may have it."""
_IN_FOLDERS = frozenset({"files", "fleet"})
_WITHOUT_PLACE = frozenset({"webhook", "kafka"})


M = TypeVar("M", bound=Model)
ModelOf = type[M]


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError
        _ = parts.port
    except ValueError:
        raise ValueError("an address such as http://prometheus:9090") from None
    if parts.username or parts.password:
        raise ValueError("an address without a password: put the login into an Airflow connection and name it here")
    return value.rstrip("/")


def _groups(value: str) -> str:
    try:
        if not re.compile(value).groupindex:
            raise ValueError("at least one named group, such as (?P<instance>[^/]+)")
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"a valid regular expression ({error})") from None
    return value


class FileLayout(Model):
    """How files hold a dataset: which files, in what form, and which column is what."""

    files: Text = Field(default="**/*", description="glob below the source's path, such as metric/*.csv.gz")
    format: Literal["csv", "parquet", "jsonl", "json", "text", "otlp", "jaeger", "zipkin"] | None = Field(
        default=None,
        description="null: by the name's ending; text: lines of a log; otlp, jaeger, zipkin: traces in JSON; .gz is "
        "unpacked",
    )
    lines: LineForm = Field(
        default="auto", description="for format text: what the lines look like; auto: told by a sample of each file"
    )
    year: int | None = Field(
        default=None, ge=1970, le=2100,
        description="for format text: of a file's first line, where times have none; null: by the file's last change",
    )  # fmt: skip
    longest_line_mebibytes: int = Field(
        default=16, ge=16, le=256, description="for format text: of a longer line the rest is not kept, only its size"
    )
    records: Text | None = Field(
        default=None, description="for format json: where the rows stand, such as data.items or *.*; * is any key"
    )
    time: Text = Field(default="ts", description="column of the time")
    time_unit: Literal["iso", "s", "ms", "us", "ns"] = Field(
        default="iso", description="iso: text or a real time; else a number since 1970"
    )
    time_format: Text | None = Field(
        default=None, description="pattern such as %d.%m.%Y %H:%M, where it is not ISO 8601"
    )
    time_zone: TimeZone = Field(default="UTC", description="zone of times that carry none")
    time_start: Time | None = Field(default=None, description="time of the first row, where files have no time at all")
    time_step: PositiveDuration | None = Field(default=None, description="with time_start: from one row to the next")
    time_align: PositiveDuration | None = Field(default=None, description="cut times down to a multiple of this")
    shift: Duration = Field(default=timedelta(0), description="added to every time, so that old data looks recent")
    duration_unit: Literal["s", "ms", "us", "ns"] = Field(default="s", description="for spans: unit of the duration")
    metric: Text | None = Field(default=None, description="column with the metric's name; a query's expr selects on it")
    value: Text | None = Field(
        default=None, description="column with the value; null: the column that expr names, or /pattern/"
    )
    labels: dict[str, Text] = Field(default_factory=dict, description="label → column")
    constants: dict[str, str] = Field(default_factory=dict, description="label → fixed text")
    labels_from_path: Annotated[str, AfterValidator(_groups)] | None = Field(
        default=None, description="regular expression over the file's path; each named group becomes a label"
    )
    columns: dict[str, Text] = Field(default_factory=dict, description="for events: the dataset's column → file column")
    defaults: dict[str, str] = Field(
        default_factory=dict, description="for events: the dataset's column → text where no column has it"
    )

    @model_validator(mode="after")
    def _a_made_time_has_start_and_step(self) -> Self:
        if (self.time_start is None) != (self.time_step is None):
            raise ValueError("time_start and time_step go together: the time of the first row, and the way to the next")
        return self

    @model_validator(mode="after")
    def _text_has_no_columns(self) -> Self:
        if self.format == "text" and (self.columns or self.labels):
            raise ValueError("columns and labels are for tables: of text, lines says what stands where")
        return self


class Feed(Model):
    """One feed of a source: its alerts, incidents, changes, feedback, log lines or spans."""

    name: Name
    source: Name
    dataset: FeedDataset = Field(description=f"one of {', '.join(get_args(FeedDataset))}")
    expr: str = Field(default="", description="what to ask for, in the system's own language: LogQL, JQL, SPL, …")
    options: dict[str, Any] = Field(default_factory=dict, description="what only this type of source knows")
    service_labels: Annotated[tuple[Text, ...], BeforeValidator(one_or_many)] = Field(
        default=("service", "job", "namespace"), min_length=1, description="labels that name the service, first wins"
    )
    severity_label: Text = "severity"
    drift: DriftPolicy = Field(default_factory=DriftPolicy, description="what happens when columns change")
    layout: FileLayout | None = Field(
        default=None, description="for types files and kafka: how these rows are laid out"
    )

    def options_as(self, model: ModelOf[M]) -> M:
        """Return the options as the model of the source's type, against which they were checked when they were read."""
        return model.model_validate(self.options)


class SourceConfig(Model):
    """One system, as `sources.yaml` declares it; logins live in the Airflow connection that it names."""

    name: Name
    type: SourceType = Field(description=f"one of {', '.join(get_args(SourceType))}")
    url: Annotated[str, AfterValidator(_url)] | None = None
    path: Text | None = Field(default=None, description="folder, or the URL of an object store's folder")
    connection: Name | None = Field(default=None, description="Airflow connection with the login")
    enabled: bool = True
    timeout: PositiveDuration = timedelta(seconds=30)
    lateness: Duration = Field(default=timedelta(minutes=5), description="how long after a window's end it is complete")
    headers: dict[str, str] = Field(default_factory=dict, description="sent with each request, such as X-Scope-OrgID")
    requests_per_second: float | None = Field(
        default=None, gt=0, le=1000, description="at most so many requests a second; null: as fast as it answers"
    )
    max_answer_mebibytes: int = Field(default=256, ge=1, le=4096, description="largest single answer that is read")
    options: dict[str, Any] = Field(default_factory=dict, description="what only this type of source knows")
    max_points: int = Field(default=11_000, ge=100, le=11_000, description="points per series in one answer")
    history_from: Name | None = Field(
        default=None, description="for alertmanager: the prometheus source whose ALERTS give the past"
    )
    layout: FileLayout | None = Field(default=None, description="for types files and kafka: how metrics are laid out")
    feeds: dict[str, Feed] = Field(default_factory=dict, description="name → dataset and options")

    @model_validator(mode="after")
    def _type_has_its_place(self) -> Self:
        in_folder = self.type in _IN_FOLDERS
        if self.type in _WITHOUT_PLACE:
            if self.url or self.path:
                raise ValueError(f"type {self.type} takes neither url nor path: see its options")
            if self.type == "webhook" and not self.connection:
                raise ValueError("type webhook needs connection: the one with the secret that its deliveries must show")
            return self
        if in_folder and not self.path:
            raise ValueError(f"type {self.type} needs path, a folder")
        if not in_folder and not self.url:
            raise ValueError(f"type {self.type} needs url, such as http://localhost:9090")
        if self.path and self.url:
            raise ValueError(f"type {self.type} takes {'path' if in_folder else 'url'}, not both url and path")
        return self

    @model_validator(mode="after")
    def _options_are_those_of_the_type(self) -> Self:
        models = options_of(self.type)
        checked: list[tuple[tuple[str, ...], ModelOf, dict[str, Any]]] = [(("options",), models.source, self.options)]
        checked += [(("feeds", feed.name, "options"), models.feed, feed.options) for feed in self.feeds.values()]
        problems = [problem for at, model, given in checked for problem in option_problems(at, model, given)]
        if problems:
            raise ValidationError.from_exception_data("options", problems)
        return self

    def options_as(self, model: ModelOf[M]) -> M:
        """Return the options as the model of the type, against which they were checked when they were read."""
        return model.model_validate(self.options)

    @property
    def timeout_seconds(self) -> float:
        """How long to wait for one answer, in seconds."""
        return self.timeout.total_seconds()

    def location(self, home: Path) -> str:
        """Return where the source's files are: a URL or absolute path as it is, a relative path below `home`."""
        path = self.path or ""
        return path if "://" in path or Path(path).is_absolute() else str(home / path)
