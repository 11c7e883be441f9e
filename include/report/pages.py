"""The pages as a FastAPI app, over stored documents alone: it never opens the warehouse and knows nothing of Airflow.

Whoever mounts it says by `reader`, a FastAPI dependency that every route asks, who may read. No script or style without
a nonce, nothing from elsewhere, and no path that a visitor could choose reaches the store unchecked.
"""

import secrets
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from include.errors import AlmanacError
from include.inbox import InboxError
from include.report import figures
from include.report.csv import table_csv
from include.report.document import EVERYONE, Document
from include.report.html import environment, render
from include.report.judging import Keep, NotFromHereError, add_judging, judging
from include.report.overview import newest
from include.report.store import DocumentDamagedError, DocumentMissingError, Entry, Store

MOST_LISTED = 100
DATA, MODELS, ANOMALIES, DRIFT = "data", "models", "anomalies", "drift"
_POLICY = (
    "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
_NOTHING = "Nothing is stored yet. Reports appear here when report_capacity, report_slo or report_data_quality has run."


class NotAllowedError(AlmanacError):
    """A visitor who is signed in and may still not see the pages."""


_FAULTS: dict[type[Exception], tuple[int, str]] = {
    DocumentMissingError: (404, "There is no such report"),
    DocumentDamagedError: (500, "This report cannot be read"),
    NotAllowedError: (403, "Not for this role"),
    NotFromHereError: (403, "Not from these pages"),
    InboxError: (503, "Your word was not kept"),
}


class Choice(NamedTuple):
    """What a visitor filters by; an empty text or a day that is none means all."""

    name: str
    audience: str
    day: date | None


def _choice(
    name: Annotated[str, Query(max_length=60)] = "",
    audience: Annotated[str, Query(max_length=120)] = "",
    date: Annotated[str, Query(max_length=20)] = "",
) -> Choice:
    return Choice(name, audience, _day(date))


Chosen = Annotated[Choice, Depends(_choice)]


def create_app(
    store: Store, reader: Callable[..., Any], judge: Callable[..., str] | None = None, keep: Keep | None = None
) -> FastAPI:
    """Return the app; `reader` raises where the visitor may not read.

    With `judge` and `keep`, as in `judging.py`, people may say of an episode whether it was real.
    """
    app = FastAPI(
        title="Almanac",
        dependencies=[Depends(reader)],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    _add_lists(app, store)
    app.state.judged = judge is not None and keep is not None
    _add_reports(app, store)
    if judge is not None and keep is not None:
        add_judging(app, store, judge, keep, _page)
    for kind in _FAULTS:
        app.add_exception_handler(kind, _fault)
    return app


def _add_lists(app: FastAPI, store: Store) -> None:
    @app.get("/")
    def overview(request: Request) -> Response:
        section = {"heading": "", "entries": _listed(newest(store), request), "beyond": False, "empty": _NOTHING}
        return _page(
            request, "list.html.j2", "overview", heading="What the newest reports say", sections=[section], filters=None
        )

    @app.get("/reports")
    def reports(request: Request, choice: Chosen) -> Response:
        names = store.names()
        wanted = [name for name in names if choice.name in {"", name}]
        known = {name: store.entries_about(name, choice.day) if choice.day else store.entries(name) for name in wanted}
        found = [entry for entries in known.values() for entry in entries]
        audiences = sorted({entry.audience for entry in found} | ({choice.audience} - {""}))
        found = [
            entry
            for entry in found
            if choice.audience in {"", entry.audience} and choice.day in {None, entry.local_day}
        ]
        found.sort(key=lambda entry: (-entry.window_end.timestamp(), entry.level.rank, entry.name, entry.audience))
        filters = {
            "action": f"{_base(request)}/reports", "names": names, "name": choice.name, "audiences": audiences,
            "audience": choice.audience, "date": choice.day.isoformat() if choice.day else "",
        }  # fmt: skip
        empty = _NOTHING if not names else "No report matches. Choose another day, or show all."
        section = {
            "heading": "", "entries": _listed(found[:MOST_LISTED], request), "beyond": len(found) > MOST_LISTED,
            "empty": empty,
        }  # fmt: skip
        return _page(request, "list.html.j2", "reports", heading="Reports", sections=[section], filters=filters)

    @app.get("/reports/find")
    def find(request: Request, choice: Chosen) -> Response:
        entry = _nearest(store, choice)
        if entry is None:
            raise DocumentMissingError("No such report is stored for that day or before. Choose another day.")
        return RedirectResponse(_address(entry, request), status_code=303)

    @app.get("/data")
    def data(request: Request) -> Response:
        return _newest_page(
            request, store, DATA, "Freshness, gaps and quarantine appear when report_data_quality has run."
        )

    @app.get("/anomalies")
    def anomalies(request: Request) -> Response:
        return _newest_page(request, store, ANOMALIES, "Episodes appear when detect_anomalies has run.")

    @app.get("/drift")
    def drift(request: Request) -> Response:
        return _newest_page(request, store, DRIFT, "Drift appears when check_drift has measured a champion.")

    @app.get("/models")
    def models(request: Request) -> Response:
        return _newest_page(request, store, MODELS, "Champions and challengers appear when a training DAG has run.")


def _add_reports(app: FastAPI, store: Store) -> None:
    @app.get("/reports/{name}/{document_id}")
    def report(request: Request, name: str, document_id: str) -> Response:
        return _report(request, store, store.read_page(name, document_id), "reports")

    @app.get("/reports/{name}/{document_id}/report.html")
    def as_html(name: str, document_id: str) -> Response:
        document = store.read(name, document_id)
        return _download(document, "html", "text/html; charset=utf-8", render(document).encode())

    @app.get("/reports/{name}/{document_id}/table.csv")
    def as_csv(name: str, document_id: str) -> Response:
        document = store.read(name, document_id)
        return _download(document, "csv", "text/csv; charset=utf-8", table_csv(document))

    @app.get("/reports/{name}/{document_id}/document.json")
    def as_json(name: str, document_id: str) -> Response:
        document = store.read(name, document_id)
        return _download(document, "json", "application/json", document.to_json())


def _newest_page(request: Request, store: Store, name: str, empty: str) -> Response:
    entry = store.latest(name, EVERYONE)
    if entry is None:
        return _page(request, "message.html.j2", name, heading="Nothing is stored yet", text=empty, link=None)
    return _report(request, store, store.read_page(name, entry.id), name)


def _report(request: Request, store: Store, document: Document, current: str) -> Response:
    nonce = secrets.token_urlsafe(16)
    here = f"{_base(request)}/reports/{document.name}/{document.id}"
    around = [
        entry
        for entry in store.entries_about(document.name, document.window_end.date())
        if entry.audience == document.audience
    ]
    before = next((entry for entry in around if entry.window_end < document.window_end), None)
    after = next((entry for entry in reversed(around) if entry.window_end > document.window_end), None)
    audiences = {entry.audience for entry in store.entries(document.name)} | {document.audience}
    tools = {
        "find": f"{_base(request)}/reports/find",
        "here": here,
        "audiences": sorted(audiences),
        "date": figures.local_day(document.window_end, document.time_zone).isoformat(),
        "previous": _address(before, request) if before else None,
        "next": _address(after, request) if after else None,
    }
    judge = judging(request, document, request.app.state.judged)
    return _answer(render(document, nonce=nonce, nav=_nav(request, current), tools=tools, judge=judge), nonce)


def _nearest(store: Store, choice: Choice) -> Entry | None:
    """Return the newest entry of a report and audience on the day chosen, or else before it."""
    audience = choice.audience or EVERYONE
    if choice.day is None:
        return store.latest(choice.name, audience)
    for entry in store.entries_about(choice.name, choice.day):
        if entry.audience == audience and entry.local_day <= choice.day:
            return entry
    return None


def _listed(entries: list[Entry], request: Request) -> list[dict[str, Any]]:
    return [
        {
            "level": entry.level,
            "verdict": entry.verdict,
            "title": entry.title,
            "audience": "all teams" if entry.audience == EVERYONE else entry.audience,
            "period": figures.period(entry.window_start, entry.window_end, entry.time_zone),
            "href": _address(entry, request),
        }
        for entry in entries
    ]


def _address(entry: Entry, request: Request) -> str:
    return f"{_base(request)}/reports/{entry.name}/{entry.id}"


def _base(request: Request) -> str:
    """Return the path under which this app is mounted."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def _nav(request: Request, current: str) -> list[dict[str, Any]]:
    places = (
        ("overview", "Overview", "/"),
        ("reports", "Reports", "/reports"),
        (ANOMALIES, "Anomalies", "/anomalies"),
        (DATA, "Data", "/data"),
        (MODELS, "Models", "/models"),
        (DRIFT, "Drift", "/drift"),
    )
    return [{"label": label, "href": _base(request) + path, "current": key == current} for key, label, path in places]


def _page(request: Request, template: str, current: str, status: int = 200, **values: Any) -> Response:
    nonce = secrets.token_urlsafe(16)
    page = environment().get_template(template).render(nonce=nonce, nav=_nav(request, current), **values)
    return _answer(page, nonce, status)


def _answer(page: str, nonce: str, status: int = 200) -> Response:
    headers = {
        "Content-Security-Policy": _POLICY.format(nonce=nonce),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "private, no-cache",
    }
    return HTMLResponse(page, status_code=status, headers=headers)


def _download(document: Document, suffix: str, media_type: str, content: bytes) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{document.name}-{document.window.slug}.{suffix}"',
        "Content-Security-Policy": "sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-cache",
    }
    return Response(content, media_type=media_type, headers=headers)


async def _fault(request: Request, error: Exception) -> Response:
    status, heading = _FAULTS[type(error)]
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"detail": str(error)}, status_code=status)
    link = None if status == 403 else {"href": f"{_base(request)}/reports", "label": "All reports"}
    return _page(request, "message.html.j2", "", status, heading=heading, text=str(error), link=link)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
