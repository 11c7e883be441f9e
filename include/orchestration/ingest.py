"""Ingest: source → landing → quality → warehouse, one scope (source, query, window) at a time.

`plan_reads` says which windows of which sources a run reads, late ones included; `load_piece` does one of them;
`close` says what the run's windows now hold and which must be announced again. None of it knows Airflow.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from include.config import MetricQuery, SourceConfig
from include.config.logs import LogRules
from include.datasets import LOG_EVENT, Scope
from include.errors import AlmanacError, PermanentError
from include.inbox import inbox_beside
from include.landing import Landed, land, new_load_id, read_landed
from include.orchestration.again import nothing_new
from include.orchestration.dimensions import sync_dimensions
from include.orchestration.expectations import expectation_for, expected_rows
from include.orchestration.replayable import replayable
from include.orchestration.runtime import Runtime
from include.quality import Level, RuleResult, judge
from include.sources import Credentials, open_source
from include.warehouse import Load, LoadOutcome, LoadStatus, Meaning, load_verdict
from include.warehouse.schema import load_log
from include.window import Window

Piece = dict[str, str]
FindCredentials = Callable[[str], Credentials]


class LoadFailed(AlmanacError):  # noqa: N818 - reads as a sentence
    """Some queries of a source could not be loaded; a later try may."""


class LoadStopped(LoadFailed, PermanentError):  # noqa: N818
    """Some queries of a source could not be loaded, and trying again would not help."""


@dataclass(frozen=True)
class Access:
    """With whose login a source is read; and the source that knows its past, with the login for that one."""

    credentials: Credentials | None = None
    history: tuple[SourceConfig, Credentials | None] | None = None

    @classmethod
    def of(cls, rt: Runtime, source: SourceConfig, credentials: FindCredentials) -> "Access":
        """Fetch the credentials that a source and the source behind it name."""

        def login(one: SourceConfig) -> Credentials | None:
            # What a webhook's connection holds is for those who deliver: reading the inbox needs no secret.
            return credentials(one.connection) if one.connection and one.type != "webhook" else None

        behind = rt.config.sources[source.history_from] if source.history_from else None
        return cls(login(source), (behind, login(behind)) if behind else None)


@dataclass(frozen=True)
class Closed:
    """What a run has brought: rows and scopes by status, and the starts of the windows to announce."""

    window: Window
    announce: list[datetime]
    rows: int
    coverage: float | None
    statuses: dict[str, int]

    def summary(self) -> dict[str, Any]:
        """Return the same as plain data, for XCom and the asset event."""
        return {
            "window": self.window.key,
            "windows_announced": len(self.announce),
            "rows": self.rows,
            "coverage": self.coverage,
            **self.statuses,
        }


@dataclass(frozen=True)
class Reading:
    """A landed scope, what its source said about its own answer, and how much of each kind was redacted in it."""

    landed: Landed
    warnings: Sequence[str] = ()
    redactions: Mapping[str, int] = field(default_factory=dict)


def plan_reads(
    rt: Runtime, window: Window, datasets: Sequence[str], sources: Sequence[str] | None, with_late: bool
) -> list[Piece]:
    """Return one piece per source and window to read, the window itself first.

    With `with_late`, a source's last windows within its `lateness` are read again. Brings the dimensions up to date
    with the configuration on the way. Raises `LoadStopped` for a source that the configuration does not have.
    """
    if unknown := set(sources or ()) - set(rt.config.sources):
        known = ", ".join(rt.config.sources)
        raise LoadStopped(f"sources.yaml has no {', '.join(sorted(unknown))}. It has {known}.")
    sync_dimensions(rt)
    due = {source.name: source for source, _, dataset in rt.config.tasks() if dataset in datasets}
    wanted = [source for name, source in due.items() if not sources or name in sources]
    pieces = [{"source": source.name, "window": window.key} for source in wanted]
    if with_late:
        pieces += [
            {"source": source.name, "window": late.key, "again": "yes"}
            for source in wanted
            for late in late_windows(rt, source, window)
        ]
    return pieces


def late_windows(rt: Runtime, source: SourceConfig, window: Window) -> list[Window]:
    """Return the windows before `window` in which the source may still have been adding rows."""
    start = rt.grid.floor(window.start - source.lateness)
    return list(Window(start, window.start).split(rt.grid)) if start < window.start else []


def load_piece(
    rt: Runtime,
    piece: Piece,
    datasets: Sequence[str],
    credentials: FindCredentials,
    *,
    allow_shrink: bool = False,
    allow_unit_change: bool = False,
    replay: bool = False,
) -> dict[str, Any]:
    """Load every query of one source for one window, or the one that the piece names; return how many ended how.

    One query's failure does not keep the others from loading. Raises `LoadFailed` at the end, or `LoadStopped` when no
    failure can be mended by trying again.
    """
    window = Window.parse(piece["window"], rt.grid)
    source = rt.config.sources[piece["source"]]
    access = Access() if replay else Access.of(rt, source, credentials)
    counts: dict[str, int] = {}
    rows = 0
    errors: list[AlmanacError] = []
    for other, query, dataset in rt.config.tasks():
        if other.name != source.name or dataset not in datasets or query != piece.get("query", query):
            continue
        scope = Scope(source.name, dataset, query, window)
        try:
            for reading in _landed_before(rt, scope, allow_shrink) if replay else [read_source(rt, scope, access)]:
                if "again" in piece and (in_place := nothing_new(rt, reading.landed)) is not None:
                    rows += in_place
                    counts[LoadStatus.UNCHANGED.value] = counts.get(LoadStatus.UNCHANGED.value, 0) + 1
                    continue
                outcome = load_landed(rt, reading, allow_shrink=allow_shrink, allow_unit_change=allow_unit_change)
                rows += outcome.rows
                counts[outcome.status.value] = counts.get(outcome.status.value, 0) + 1
                if outcome.status is LoadStatus.FAILED:
                    errors.append(LoadStopped(outcome.message or f"{scope} failed"))
        except AlmanacError as error:
            errors.append(error)
            _log_failure(rt, scope, error)
    if errors:
        kind = LoadStopped if all(isinstance(error, PermanentError) for error in errors) else LoadFailed
        raise kind("; ".join(dict.fromkeys(str(error) for error in errors))) from errors[0]
    return {**piece, "rows": rows, **counts}


def read_source(rt: Runtime, scope: Scope, access: Access) -> Reading:
    """Read a scope from its source into landing; return it with what the source said about its own answer."""
    opened = open_source(
        rt.config.sources[scope.source],
        rt.config.query_of(scope.source, scope.query),
        access.credentials,
        home=rt.settings.home,
        history=access.history,
        max_series=rt.settings.max_series_per_query,
        state=rt.settings.state_of(scope.source, scope.query),
        inbox=inbox_beside(rt.settings.landing),
        redaction=rt.config.logs.redaction,
    )
    window = _until_now(rt, scope)
    landed = land(rt.settings.landing, scope, opened.read(window), new_load_id(rt.clock), rt.clock)
    return Reading(landed, tuple(opened.warnings), dict(opened.redactions))


def _until_now(rt: Runtime, scope: Scope) -> Window:
    """Return the part of a scope's window that is past: asked for the future, Prometheus repeats its last value."""
    now = rt.clock.now()
    if now <= scope.window.start:
        raise LoadStopped(f"{scope} has not begun yet. Give a window of the past.")
    return Window(scope.window.start, min(scope.window.end, now))


def load_landed(
    rt: Runtime,
    reading: Reading,
    *,
    allow_shrink: bool = False,
    allow_unit_change: bool = False,
    provisional: bool = False,
) -> LoadOutcome:
    """Judge a landed partition and load what passes; needs no source. What was said of it goes to quality results."""
    landed = reading.landed
    scope = landed.scope
    query = rt.config.query_of(scope.source, scope.query)
    expectation = expectation_for(rt, scope, allow_unit_change=allow_unit_change)
    verdict = judge(scope, read_landed(landed), expectation)
    said = [_said_by_source(reading.warnings)] if reading.warnings else []
    if reading.redactions:
        said.append(_redacted(reading.redactions))
    verdict = replace(verdict, results=[*verdict.results, *said])
    meaning: Meaning | LogRules | None = rt.config.logs if scope.dataset == LOG_EVENT.name else None
    if isinstance(query, MetricQuery):
        meaning = Meaning(query.kind, query.unit, query.step_seconds, query.service_label, query.identity_labels)
    return load_verdict(
        rt.warehouse,
        scope,
        verdict,
        Load(
            load_id=landed.load_id,
            run_id=rt.run_id,
            expected_rows=expected_rows(rt, expectation, scope),
            landed_at_path=landed.path,
            allow_shrink=allow_shrink,
            provisional=provisional,
        ),
        resolve=rt.config.resolver(scope.source).resolve,
        clock=rt.clock,
        meaning=meaning,
    )


def close(rt: Runtime, window: Window, datasets: Sequence[str]) -> Closed:
    """Return what this run has brought and which windows it must announce.

    The run's own window is announced even when nothing came. A window that a late re-read changed is announced again,
    with every one after it: error budgets and rolling features reach back over it.
    """
    mine = sa.select(
        load_log.c.window_start, load_log.c.status, load_log.c.rows_loaded, load_log.c.expected_rows
    ).where(load_log.c.run_id == rt.run_id, load_log.c.dataset.in_(list(datasets)))
    loads = rt.warehouse.frame(mine)
    changed = loads.loc[loads["status"] == LoadStatus.LOADED.value, "window_start"]
    first = min([window.start, *(start.to_pydatetime() for start in changed)])
    own = loads[(loads["window_start"] >= window.start) & loads["expected_rows"].notna()]
    expected = float(own["expected_rows"].sum())
    return Closed(
        window,
        [part.start for part in Window(first, window.end).split(rt.grid)],
        int(loads["rows_loaded"].sum()),
        min(1.0, round(float(own["rows_loaded"].sum()) / expected, 4)) if expected else None,
        {str(status): int(count) for status, count in loads["status"].value_counts().items()},
    )


def _said_by_source(warnings: Sequence[str]) -> RuleResult:
    return RuleResult(
        rule="source_without_warnings",
        level=Level.WARN,
        success=False,
        observed=float(len(warnings)),
        expected="the source says nothing about its own answer",
        message="; ".join(warnings),
    )


def _redacted(counts: Mapping[str, int]) -> RuleResult:
    return RuleResult(
        rule="redacted",
        level=Level.WARN,
        success=True,
        observed=float(sum(counts.values())),
        expected="personal data and secrets are hidden before anything is written",
        message=", ".join(f"{kind} {count:,}" for kind, count in sorted(counts.items())),
    )


def _landed_before(rt: Runtime, scope: Scope, allow_shrink: bool) -> list[Reading]:
    """Return what has landed of a scope, in the order in which it came: replaying it ends where the warehouse was."""
    found = replayable(
        rt,
        source=scope.source,
        dataset=scope.dataset,
        query=scope.query,
        window=scope.window,
        allow_shrink=allow_shrink,
    )
    if not found:
        raise LoadStopped(f"Nothing has landed for {scope}, so it cannot be replayed. Load it from the source.")
    return [Reading(landed) for landed in found]


def _log_failure(rt: Runtime, scope: Scope, error: AlmanacError) -> None:
    """Record a scope that did not even get to be judged, so that the gap shows."""
    now = rt.clock.now()
    entry = {
        "load_id": new_load_id(rt.clock),
        "source": scope.source,
        "dataset": scope.dataset,
        "query": scope.query,
        "window_start": scope.window.start,
        "window_end": scope.window.end,
        "status": LoadStatus.FAILED.value,
        "rows_read": 0,
        "rows_loaded": 0,
        "rows_quarantined": 0,
        "rows_before": 0,
        "expected_rows": None,
        "content_hash": "",
        "message": str(error),
        "started_at": now,
        "finished_at": now,
        "run_id": rt.run_id,
    }
    with rt.warehouse.transaction() as tx:
        tx.append(load_log, [entry])
