"""A folder of YAML files into a `Config`, or one error with everything that is wrong."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from include.config import cross_checks
from include.config.calendar import BusinessHours, PlannedTime
from include.config.configuration import Config
from include.config.cross_checks import Declared
from include.config.detection import Detection
from include.config.document import Document
from include.config.limit import ResourceLimit
from include.config.logs import LogRules
from include.config.mail import Mail
from include.config.problem import ConfigError, Problem
from include.config.publish import Publish
from include.config.query import MetricQuery
from include.config.reading import GIVEN, Found, entries_of, read_entries, read_file, validate
from include.config.service import Service
from include.config.slo_documents import read_slos
from include.config.source import SourceConfig

FILES: Mapping[str, Mapping[str, bool]] = {
    "services.yaml": {"services": True, "defaults": True},
    "sources.yaml": {"sources": True},
    "queries.yaml": {"queries": True, "defaults": True},
    "limits.yaml": {"limits": True},
    "calendar.yaml": {"maintenance": True, "freezes": True, "business_hours": False},
    "detectors.yaml": dict.fromkeys(Detection.model_fields, False),
    "logs.yaml": dict.fromkeys(LogRules.model_fields, False),
    "mail.yaml": dict.fromkeys(Mail.model_fields, False),
    "publish.yaml": dict.fromkeys(Publish.model_fields, False),
}
"""Each file and its top-level keys; `True`: the key holds named entries. A file that is absent counts as empty."""


def load_config(folder: Path) -> Config:
    """Read the configuration in `folder`; raise a `ConfigError` that holds all problems of all files."""
    config, problems = _load(folder)
    if problems:
        raise ConfigError(str(folder), problems)
    return config


def _load(folder: Path) -> tuple[Config, list[Problem]]:
    problems = _folder_problems(folder)
    documents: dict[str, Document] = {}
    for name, sections in FILES.items():
        documents[name], wrong = read_file(folder, name, sections)
        problems += wrong

    service_file = documents["services.yaml"].with_defaults("services")
    query_file = documents["queries.yaml"].with_defaults("queries")
    source_file, wrong = _name_feeds(documents["sources.yaml"])
    problems += wrong
    services, wrong = read_entries(service_file, "services", Service)
    problems += wrong
    sources, wrong = read_entries(source_file, "sources", SourceConfig)
    problems += wrong
    queries, wrong = read_entries(query_file, "queries", MetricQuery)
    problems += wrong
    limits, wrong = read_entries(documents["limits.yaml"], "limits", ResourceLimit)
    problems += wrong
    maintenance, wrong = read_entries(documents["calendar.yaml"], "maintenance", PlannedTime)
    problems += wrong
    freezes, wrong = read_entries(documents["calendar.yaml"], "freezes", PlannedTime)
    problems += wrong
    hours, wrong = _business_hours(documents["calendar.yaml"])
    problems += wrong
    detection, wrong = validate(
        Detection, _own(documents["detectors.yaml"], Detection), documents["detectors.yaml"], ()
    )
    problems += wrong
    logs, wrong = validate(LogRules, _own(documents["logs.yaml"], LogRules), documents["logs.yaml"], ())
    problems += wrong
    mail, wrong = _mail(documents["mail.yaml"], services)
    problems += wrong
    publish, wrong = _publish(documents["publish.yaml"])
    problems += wrong
    slos = read_slos(folder)
    problems += slos.problems

    declared = Declared(
        services=entries_of(service_file, "services").keys(),
        sources=entries_of(source_file, "sources").keys(),
        queries=entries_of(query_file, "queries").keys(),
    )
    problems += cross_checks.check_services(services, declared)
    problems += cross_checks.check_sources(sources, declared.queries)
    problems += cross_checks.check_queries(queries, sources, declared)
    problems += cross_checks.check_limits(limits, queries, declared)
    problems += cross_checks.check_slos(slos.slos, declared)
    problems += cross_checks.check_calendar(maintenance, declared)
    problems += cross_checks.check_calendar(freezes, declared)

    config = Config(
        services=_values(services),
        sources=_values(sources),
        queries=_values(queries),
        limits=tuple(_with_unit(found.value, queries) for found in limits.values()),
        slos=tuple(found.value for found in slos.slos.values()),
        maintenance=tuple(_values(maintenance).values()),
        freezes=tuple(_values(freezes).values()),
        business_hours=hours or BusinessHours(),
        detection=detection or Detection(),
        logs=logs or LogRules(),
        mail=mail or Mail(),
        publish=publish,
        folder=folder,
        notes=tuple(slos.notes),
    )
    return config, problems


def _folder_problems(folder: Path) -> list[Problem]:
    names = ", ".join(FILES)
    if not folder.is_dir():
        return [Problem(str(folder), 1, "", "no such folder", f"a folder with {names} and slos/")]
    if not any((folder / name).exists() for name in FILES):
        return [Problem(str(folder), 1, "", "a folder without configuration", f"at least one of {names}")]
    return []


def _name_feeds(document: Document) -> tuple[Document, list[Problem]]:
    """Give every feed its name and its source, and an Alertmanager without feeds the one that it has."""
    problems: list[Problem] = []
    sources: dict[str, object] = {}
    for name, entry in entries_of(document, "sources").items():
        if not isinstance(entry, dict):
            sources[name] = entry
            continue
        feeds = entry.get("feeds")
        if feeds is None and entry.get("type") == "alertmanager":
            feeds = {"alerts": {"dataset": "alert"}}
        if isinstance(feeds, dict):
            named: dict[str, object] = {}
            for feed, spec in feeds.items():
                own = {} if spec is None else spec
                if isinstance(own, dict):
                    for key in GIVEN & own.keys():
                        path = ("sources", name, "feeds", feed, key)
                        problems.append(document.problem(path, f"the key {key!r}", "nothing: the feed's key names it"))
                    own = {**own, "name": feed, "source": name}
                named[feed] = own
            feeds = named
        sources[name] = {**entry, "feeds": feeds} if feeds is not None else {**entry}
    return Document(document.file, {"sources": sources}, document.places), problems


def _business_hours(document: Document) -> tuple[BusinessHours | None, list[Problem]]:
    data = document.data.get("business_hours") if isinstance(document.data, dict) else None
    return validate(BusinessHours, {} if data is None else data, document, ("business_hours",))


def _own(document: Document, model: type[BaseModel]) -> dict[str, object]:
    """Return what a file says under the keys of the one model that it describes."""
    known = document.data if isinstance(document.data, dict) else {}
    return {key: value for key, value in known.items() if key in model.model_fields}


def _mail(document: Document, services: Mapping[str, Found[Service]]) -> tuple[Mail | None, list[Problem]]:
    mail, problems = validate(Mail, _own(document, Mail), document, ())
    for name, allowed in cross_checks.unknown_audiences(list(mail.audiences) if mail else [], services):
        problems.append(document.problem(("audiences", name), repr(name), allowed))
    return mail, problems


def _publish(document: Document) -> tuple[Publish | None, list[Problem]]:
    data = _own(document, Publish)
    return validate(Publish, data, document, ()) if data else (None, [])


def _with_unit(limit: ResourceLimit, queries: Mapping[str, Found[MetricQuery]]) -> ResourceLimit:
    query = queries.get(limit.query)
    return limit.model_copy(update={"unit": query.value.unit}) if query and not limit.unit else limit


def _values(found: Mapping[str, Found]) -> dict:
    return {name: item.value for name, item in found.items()}
