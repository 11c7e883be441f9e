"""Issues of Jira Cloud, page by page, and the whole changelog of one.

JQL knows times to the minute and in the zone of the user that asks, which may be anywhere: so issues are asked for with
half a day to spare on both sides, and the caller cuts exactly.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from include.http import AnswerInvalid, HttpClient, Rejected, Unavailable
from include.http.answer import read_json

SEARCH_PATH = "/rest/api/3/search/jql"
PAGE = 100
_EAST, _WEST = timedelta(hours=14, minutes=1), timedelta(hours=12, minutes=1)
"""How far local time may be ahead of UTC, and behind it; a minute more, because JQL drops the seconds."""
_READS = 3


def updated(expr: str, start: datetime, end: datetime | None) -> str:
    """Return the JQL of issues that were updated from `start`, and before `end`, whatever the user's zone."""
    parts = [f"({expr})"] if expr.strip() else []
    parts.append(f'updated >= "{_text(start - _WEST)}"')
    if end:
        parts.append(f'updated <= "{_text(end + _EAST)}"')
    return " AND ".join(parts) + " ORDER BY updated ASC, key ASC"


def issues(client: HttpClient, jql: str, fields: tuple[str, ...], expand: str) -> list[Any]:
    """Return the issues of a search, each once, by its newest version; what has no id is returned as it came.

    A token that Jira no longer takes makes the search begin again. Raises `Unavailable` when that happens each time.
    """
    for _ in range(_READS):
        try:
            return _once([issue for page in _pages(client, jql, fields, expand) for issue in page])
        except _TokenRefused:
            continue
    raise Unavailable(SEARCH_PATH, f"refused its own page token, {_READS} times", "Try again later")


def changelog(client: HttpClient, issue: str) -> list[Any]:
    """Return every entry of the changelog of an issue, oldest first."""
    path, found = f"/rest/api/3/issue/{issue}/changelog", list[Any]()
    while True:
        answer = client.get_json(path, {"startAt": len(found), "maxResults": PAGE})
        entries = answer.get("values") if isinstance(answer, dict) else None
        if not isinstance(entries, list):
            raise AnswerInvalid(path, "did not answer with values", "Check that url is that of the site")
        found += entries
        if answer.get("isLast", True):
            return found
        if not entries:
            raise Unavailable(path, f"left out the page from {len(found):,}", "Read it again")


class _TokenRefused(Exception):  # noqa: N818 - reads as a sentence
    """Jira does not know the token of the next page any more."""


def _pages(client: HttpClient, jql: str, fields: tuple[str, ...], expand: str) -> Iterator[list[Any]]:
    token: str | None = None
    while True:
        body: dict[str, Any] = {"jql": jql, "maxResults": PAGE, "fields": list(fields)}
        body |= {"nextPageToken": token} if token else {}
        body |= {"expand": expand} if expand else {}
        try:
            answer = client.fetch("POST", SEARCH_PATH, read_json, json=body)
        except Rejected as error:
            if token and error.status == 400:
                raise _TokenRefused from error
            raise
        found = answer.get("issues") if isinstance(answer, dict) else None
        if not isinstance(found, list):
            raise AnswerInvalid(SEARCH_PATH, "did not answer with issues", "Check that url is that of the site")
        yield found
        following = answer.get("nextPageToken")
        if not following or answer.get("isLast") is True:
            return
        if following == token:
            raise Unavailable(SEARCH_PATH, "named the same page as its next one again", "Read it again")
        token = following


def _once(found: list[Any]) -> list[Any]:
    """Return issues without those that came again, later pages first: they are newer."""
    newest: dict[Any, Any] = {}
    for place, issue in enumerate(found):
        known = issue.get("id") if isinstance(issue, dict) else None
        newest[known if isinstance(known, str) else place] = issue
    return list(newest.values())


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
