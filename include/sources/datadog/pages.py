"""Pages of Datadog's log search, oldest line first, each line once.

A cursor that Datadog no longer knows does not end the read: the search begins again at the last line's time, and lines
that came already are left out by their ids.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from include.http import AnswerInvalid, HttpClient, Rejected, Unavailable
from include.http.answer import read_json
from include.window import Window

SEARCH_PATH = "/api/v2/logs/events/search"
PAGE = 1_000
_RESTARTS = 3
_MILLISECOND = timedelta(milliseconds=1)


def pages(client: HttpClient, search: dict[str, Any], window: Window) -> Iterator[list[Any]]:
    """Yield the lines of each page of a search (`query`, `indexes`, `storage_tier`).

    The range is asked for to the whole millisecond around the window, both ends included: the caller cuts it exactly.
    Raises `Unavailable` when Datadog's own search ran out of time, when its pages do not go on, or when it forgets
    every cursor at once; `AnswerInvalid` when it warns that lines may be missing.
    """
    start, restarts = _floor(window.start), 0
    cursor: str | None = None
    before: set[str] = set()
    latest = ""
    while True:
        try:
            answer = client.fetch("POST", SEARCH_PATH, read_json, json=_body(search, start, window.end, cursor))
        except Rejected as error:
            if cursor is None or "cursor" not in error.body:
                raise
            restarts += 1
            if restarts > _RESTARTS:
                raise Unavailable(
                    error.where, f"forgot its cursor {restarts} times without a new line", "Try again later"
                ) from error
            cursor, start = None, _at(latest) or start
            continue
        lines, after = _checked(answer)
        new = [line for line in lines if _id(line) not in before]
        if new:
            restarts = 0
            times = [text for line in new if (text := _time(line))]
            if times and latest and min(times) < latest:
                raise Unavailable(SEARCH_PATH, "answered with pages that are not in order of time", "Read it again")
            yield new
            last = max(times, default=latest)
            kept = before if last == latest else set()
            latest, before = last, kept | {known for line in lines if (known := _id(line))}
        if not lines or after is None:
            return
        if after == cursor:
            raise Unavailable(SEARCH_PATH, "named the same page as its next one again", "Read it again")
        cursor = after


def _body(search: dict[str, Any], start: datetime, end: datetime, cursor: str | None) -> dict[str, Any]:
    page: dict[str, Any] = {"limit": PAGE, **({"cursor": cursor} if cursor else {})}
    times = {"from": _text(start), "to": _text(end)}
    return {"filter": {**search, **times}, "page": page, "sort": "timestamp", "options": {"timezone": "UTC"}}


def _checked(answer: Any) -> tuple[list[Any], str | None]:
    lines = answer.get("data") if isinstance(answer, dict) else None
    meta = answer.get("meta") or {} if isinstance(answer, dict) else {}
    if not isinstance(lines, list) or not isinstance(meta, dict):
        raise AnswerInvalid(SEARCH_PATH, "answered without data", "Check that url is the API's")
    if meta.get("status") == "timeout":
        raise Unavailable(SEARCH_PATH, "ran out of time and answered in part", "Read it again, or narrow expr")
    if meta.get("warnings"):
        raise AnswerInvalid(
            SEARCH_PATH,
            f"says that lines may be missing: {meta['warnings']}"[:400],
            "Check the indexes in the options of the feed",
        )
    page = meta.get("page") or {}
    after = page.get("after") if isinstance(page, dict) else None
    return lines, after if isinstance(after, str) and after else None


def _id(line: Any) -> str | None:
    known = line.get("id") if isinstance(line, dict) else None
    return known if isinstance(known, str) else None


def _time(line: Any) -> str | None:
    """Return the time of a line as text that sorts like the time itself, or None where it has none."""
    said = line.get("attributes") if isinstance(line, dict) else None
    moment = _at(said.get("timestamp")) if isinstance(said, dict) else None
    return None if moment is None else moment.isoformat(timespec="microseconds")


def _at(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return _floor(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))


def _floor(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _text(moment: datetime) -> str:
    whole = _floor(moment + _MILLISECOND - timedelta(microseconds=1))
    return whole.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
