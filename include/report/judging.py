"""A person's word on an episode, given on a page: checked, handed on, confirmed.

Whoever mounts it says by `judge`, a FastAPI dependency, who the person is, or raises where they may not; and by `keep`
what becomes of the word. A form counts only if it comes from these pages: another site cannot post in a person's name.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from include.errors import AlmanacError
from include.report.document import Document, FeedbackColumn
from include.report.store import DocumentMissingError, Store

VERDICTS = ("real", "noise")
TAKE_BACK = "take_back"
LONGEST_FORM, LONGEST_COMMENT = 16_384, 2_000
_FORM = "application/x-www-form-urlencoded"


class NotFromHereError(AlmanacError):
    """A form that another site has sent, or one that these pages never made."""


@dataclass(frozen=True)
class Judgement:
    """What a person says of an episode; `taken_back` is no word any more."""

    subject: str
    service: str
    verdict: str
    comment: str
    person: str
    taken_back: bool = False


Keep = Callable[[Judgement], None]
Page = Callable[..., Response]


def add_judging(app: FastAPI, store: Store, judge: Callable[..., str], keep: Keep, page: Page) -> None:
    """Add the routes: the form's target, and the page that confirms what was said.

    `page(request, template, current, **values)` renders a template in the surroundings of the other pages.
    """

    @app.post("/feedback/{name}/{document_id}")
    async def say(request: Request, name: str, document_id: str, person: str = Depends(judge)) -> Response:
        from anyio.to_thread import run_sync

        _must_be_from_here(request)
        form = _form(await _body(request))
        subject, verdict = form.get("subject", ""), form.get("verdict", "")
        column, at = await run_sync(lambda: _episode(store.read(name, document_id), subject))
        said = form.get("was", "") if verdict == TAKE_BACK else verdict
        if said not in VERDICTS:
            raise NotFromHereError(f"Say {' or '.join(VERDICTS)}: use the buttons beside the episode.")
        comment = form.get("comment", "").strip()[:LONGEST_COMMENT]
        word = Judgement(subject, column.services[at], said, comment, person, verdict == TAKE_BACK)
        await run_sync(lambda: keep(word))
        query = urlencode({"subject": subject, "verdict": verdict, "was": said})
        base = str(request.scope.get("root_path", "")).rstrip("/")
        return RedirectResponse(f"{base}/feedback/{name}/{document_id}?{query}", status_code=303)

    @app.get("/feedback/{name}/{document_id}")
    def said(
        request: Request, name: str, document_id: str, subject: str = "", verdict: str = "", was: str = ""
    ) -> Response:
        column, at = _episode(store.read(name, document_id), subject)
        base = str(request.scope.get("root_path", "")).rstrip("/")
        return page(
            request,
            "feedback.html.j2",
            name,
            episode={"id": subject, "what": column.whats[at], "service": column.services[at]},
            verdict=verdict if verdict in (*VERDICTS, TAKE_BACK) else "",
            was=was if was in VERDICTS else "",
            action=f"{base}/feedback/{name}/{document_id}",
            back=f"{base}/reports/{name}/{document_id}",
        )


def _must_be_from_here(request: Request) -> None:
    """Raise unless the browser says that the form was on a page of this very site.

    Browsers add `Sec-Fetch-Site` on secure connections, and `Origin` to every form; a page cannot forge either.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
    here = request.headers.get("host", "")
    ours = site == "same-origin" if site else bool(here) and secrets.compare_digest(urlsplit(origin).netloc, here)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not ours or kind != _FORM:
        raise NotFromHereError("This word did not come from a form of these pages. Use the buttons beside the episode.")


async def _body(request: Request) -> str:
    """Return a form's body; raise at the first byte too many."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            raise NotFromHereError("The form is too long: a comment may have 2,000 characters.")
    return body.decode("utf-8", "replace")


def _form(body: str) -> dict[str, str]:
    try:
        return {name: values[-1] for name, values in parse_qs(body, max_num_fields=20).items()}
    except ValueError:
        raise NotFromHereError("The form has more fields than these pages give it.") from None


def _episode(document: Document, subject: str) -> tuple[FeedbackColumn, int]:
    """Return the column and place of an episode that is on the page, or raise `DocumentMissingError`."""
    for table in document.tables:
        for column in table.columns:
            if isinstance(column, FeedbackColumn) and subject in column.subjects:
                return column, column.subjects.index(subject)
    raise DocumentMissingError("That page has no such episode. Go back to it and use the buttons beside the episode.")


def judging(request: Request, document: Document, allowed: bool) -> dict[str, Any] | None:
    """Return what a page's buttons need, or None for a document without any."""
    if not allowed or not any(isinstance(one, FeedbackColumn) for table in document.tables for one in table.columns):
        return None
    base = str(request.scope.get("root_path", "")).rstrip("/")
    return {"action": f"{base}/feedback/{document.name}/{document.id}"}
