"""OpenSLO documents into objectives: every file of `slos/`, every document in it, every problem with its line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from include.config.document import Document, KeyPath, read_documents
from include.config.openslo import (
    API_VERSION,
    BURN_RATE_ANNOTATION,
    KINDS,
    Metadata,
    Metric,
    ObjectiveSpec,
    Shape,
    SliSpec,
    SloSpec,
    TimeWindowSpec,
    split_window,
)
from include.config.problem import Problem, one_of
from include.config.reading import Found, shown, validate
from include.config.slo import Objective, RatioIndicator, Slo, SloMetric, ThresholdIndicator, TimeWindow

SOURCE_TYPE = "Almanac"
UNUSED_KINDS = frozenset({"AlertPolicy", "AlertCondition", "AlertNotificationTarget", "DataSource"})

Indicator = RatioIndicator | ThresholdIndicator
_LABELS = TypeAdapter(dict[str, str])


@dataclass
class SloFiles:
    """What the files of `slos/` say: objectives by name, problems, and notes on what is valid but not used."""

    slos: dict[str, Found[Slo]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Item:
    """One OpenSLO object, its shape checked."""

    kind: str
    metadata: Metadata
    spec: Shape
    document: Document
    path: KeyPath


def read_slos(folder: Path) -> SloFiles:
    """Read `slos/*.yaml` (and .yml) below `folder`."""
    paths = sorted(path for ending in ("*.yaml", "*.yml") for path in (folder / "slos").glob(ending))
    documents: list[Document] = []
    files = SloFiles()
    for path in paths:
        found, problems = read_documents(path, f"slos/{path.name}")
        documents += found
        files.problems += problems
    return _convert(documents, files)


def parse_slos(documents: list[Document]) -> SloFiles:
    """Return the objectives of documents that are read already."""
    return _convert(documents, SloFiles())


def _convert(documents: list[Document], files: SloFiles) -> SloFiles:
    items = [item for document in documents for item in _items(document, files.problems)]
    slis: dict[str, Indicator | None] = {}
    for item in items:
        name = item.metadata.name
        if isinstance(item.spec, SliSpec):
            if name in slis:
                files.problems.append(_twice(item, "SLI"))
            slis[name] = _indicator(item.spec, item.document, (*item.path, "spec"), files.problems)
        elif item.kind in UNUSED_KINDS:
            place = item.document.place(item.path)
            files.notes.append(f"{item.document.file}:{place.line}: {item.kind} {name!r} is valid and not used")
    for item in items:
        if not isinstance(item.spec, SloSpec):
            continue
        if item.metadata.name in files.slos:
            files.problems.append(_twice(item, "SLO"))
            continue
        slo = _slo(item, item.spec, slis, files.problems)
        if slo is not None:
            files.slos[slo.name] = Found(slo, item.document, item.path)
    return files


def _twice(item: _Item, kind: str) -> Problem:
    path = (*item.path, "metadata", "name")
    return item.document.problem(path, f"a second {kind} called {item.metadata.name!r}", "a name of its own")


def _items(document: Document, problems: list[Problem]) -> list[_Item]:
    objects = document.data if isinstance(document.data, list) else [document.data]
    found: list[_Item] = []
    for index, data in enumerate(objects):
        path: KeyPath = (index,) if isinstance(document.data, list) else ()
        if data is None:
            continue
        item, wrong = _item(document, path, data)
        problems += wrong
        if item is not None:
            found.append(item)
    return found


def _item(document: Document, path: KeyPath, data: object) -> tuple[_Item | None, list[Problem]]:
    keys = ["apiVersion", "kind", "metadata", "spec"]
    if not isinstance(data, dict):
        return None, [document.problem(path, shown(data), f"an OpenSLO object with {', '.join(keys)}")]
    version, kind = data.get("apiVersion"), data.get("kind")
    if version != API_VERSION:
        return None, [document.problem((*path, "apiVersion"), shown(version), f"{API_VERSION}; no other is supported")]
    if not isinstance(kind, str) or kind not in KINDS:
        return None, [document.problem((*path, "kind"), shown(kind), one_of(str(kind), list(KINDS)))]
    problems = [
        document.problem((*path, key), f"unknown key {key!r}", one_of(key, keys)) for key in data if key not in keys
    ]
    metadata, wrong = validate(Metadata, data.get("metadata", {}), document, (*path, "metadata"))
    problems += wrong
    spec, wrong = validate(KINDS[kind], data.get("spec", {}), document, (*path, "spec"))
    problems += wrong
    if metadata is None or spec is None:
        return None, problems
    return _Item(kind, metadata, spec, document, path), problems


def _slo(item: _Item, spec: SloSpec, slis: Mapping[str, Indicator | None], problems: list[Problem]) -> Slo | None:
    path: KeyPath = (*item.path, "spec")
    wrong: list[Problem] = []
    indicator: Indicator | None = None
    if spec.indicator is not None:
        indicator = _indicator(spec.indicator.spec, item.document, (*path, "indicator", "spec"), wrong)
    elif spec.indicator_ref is not None and spec.indicator_ref in slis:
        indicator = slis[spec.indicator_ref]
    else:
        ref = str(spec.indicator_ref)
        wrong.append(item.document.problem((*path, "indicatorRef"), repr(ref), one_of(ref, sorted(slis))))
    window = _time_window(spec.time_window[0], item.document, (*path, "timeWindow", 0), wrong)
    objectives = _objectives(spec, indicator, item.document, path, wrong)
    burn_rate = _burn_rate(item, wrong)
    problems += wrong
    if wrong or indicator is None or window is None:
        return None
    return Slo(
        name=item.metadata.name,
        service=spec.service,
        display_name=item.metadata.display_name,
        description=spec.description,
        labels=item.metadata.labels,
        budgeting_method=spec.budgeting_method,
        time_window=window,
        indicator=indicator,
        objectives=objectives,
        alerting_burn_rate=burn_rate,
    )


def _indicator(spec: SliSpec, document: Document, path: KeyPath, problems: list[Problem]) -> Indicator | None:
    if spec.threshold_metric is not None:
        metric = _metric(spec.threshold_metric, document, (*path, "thresholdMetric"), problems)
        return None if metric is None else ThresholdIndicator(metric=metric)
    ratio = spec.ratio_metric
    if ratio is None or ratio.raw is not None or ratio.total is None:
        at = (*path, "ratioMetric", "raw")
        problems.append(document.problem(at, "a raw ratio", "good and total, or bad and total; raw is not supported"))
        return None
    found: dict[str, SloMetric | None] = {}
    for name, part in (("good", ratio.good), ("bad", ratio.bad), ("total", ratio.total)):
        if part is not None:
            found[name] = _metric(part, document, (*path, "ratioMetric", name), problems)
    total = found.get("total")
    if total is None or None in found.values():
        return None
    return RatioIndicator(total=total, good=found.get("good"), bad=found.get("bad"), counter=ratio.counter)


def _metric(metric: Metric, document: Document, path: KeyPath, problems: list[Problem]) -> SloMetric | None:
    source, at = metric.metric_source, (*path, "metricSource")
    if source.type != SOURCE_TYPE:
        problems.append(
            document.problem(
                (*at, "type"),
                f"the metric source {shown(source.type)}, which is not supported",
                f"type: {SOURCE_TYPE}, with spec: query: <a name of queries.yaml>",
            )
        )
        return None
    for key in source.spec:
        if key not in {"query", "labels"}:
            problem = document.problem((*at, "spec", key), f"unknown key {key!r}", one_of(key, ["query", "labels"]))
            problems.append(problem)
    query, labels = source.spec.get("query"), source.spec.get("labels", {})
    if not isinstance(query, str) or not query:
        problems.append(document.problem((*at, "spec", "query"), shown(query), "the name of a query in queries.yaml"))
        return None
    try:
        return SloMetric(query=query, labels=_LABELS.validate_python(labels))
    except ValidationError:
        problems.append(document.problem((*at, "spec", "labels"), shown(labels), "a mapping: label → text"))
        return None


def _objectives(
    spec: SloSpec, indicator: Indicator | None, document: Document, path: KeyPath, problems: list[Problem]
) -> tuple[Objective, ...]:
    found: dict[str, Objective] = {}
    sliced = spec.budgeting_method != "Occurrences"
    threshold = isinstance(indicator, ThresholdIndicator)
    for index, item in enumerate(spec.objectives):
        at: KeyPath = (*path, "objectives", index)
        if threshold and (item.op is None or item.value is None):
            problems.append(document.problem(at, "no op or no value", "op and value, which a thresholdMetric needs"))
        if sliced and item.time_slice_window is None:
            problems.append(document.problem((*at, "timeSliceWindow"), "nothing", "a slice such as 1m or 5m"))
        if spec.budgeting_method == "Timeslices" and not threshold and item.time_slice_target is None:
            problems.append(document.problem((*at, "timeSliceTarget"), "nothing", "the share that makes a slice good"))
        if spec.budgeting_method == "RatioTimeslices" and threshold:
            problems.append(document.problem((*path, "budgetingMethod"), "RatioTimeslices", "a ratioMetric with it"))
        objective = _objective(item)
        if objective.name in found:
            problems.append(document.problem(at, f"a second objective {objective.name!r}", "its own displayName"))
        found[objective.name] = objective
    return tuple(found.values())


def _objective(item: ObjectiveSpec) -> Objective:
    target = item.target if item.target is not None else (item.target_percent or 0.0) / 100
    return Objective(
        name=item.display_name or f"{round(target * 100, 6):g}%",
        target=target,
        op=item.op,
        value=item.value,
        time_slice_target=item.time_slice_target,
        time_slice_window=item.time_slice_window,
    )


def _time_window(spec: TimeWindowSpec, document: Document, path: KeyPath, problems: list[Problem]) -> TimeWindow | None:
    count, unit = split_window(spec.duration)
    if spec.calendar is None:
        return TimeWindow.model_validate({"count": count, "unit": unit, "is_rolling": True})
    try:
        start = datetime.fromisoformat(spec.calendar.start_time)
        start = start if start.tzinfo else start.replace(tzinfo=ZoneInfo(spec.calendar.time_zone))
    except ValueError:
        at = (*path, "calendar", "startTime")
        found = shown(spec.calendar.start_time)
        problems.append(document.problem(at, found, "a local time such as 2026-01-01 00:00:00"))
        return None
    zone = spec.calendar.time_zone
    return TimeWindow.model_validate(
        {"count": count, "unit": unit, "is_rolling": False, "start": start, "time_zone": zone}
    )


def _burn_rate(item: _Item, problems: list[Problem]) -> float | None:
    text = item.metadata.annotations.get(BURN_RATE_ANNOTATION)
    if text is None:
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1e6:
        path = (*item.path, "metadata", "annotations", BURN_RATE_ANNOTATION)
        problems.append(item.document.problem(path, shown(text), 'a burn rate above 0, in quotes, such as "2.0"'))
        return None
    return rate
