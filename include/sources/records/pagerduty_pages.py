"""Lists of PagerDuty, whole: pages of 100, at most 10,000 of a range, so a range that holds more is halved.

A list is only taken when PagerDuty counted the same number of records (`total`) with each page, and as many different
ones came. Records that slip from one page to the next while it is read make it be read again.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from include.http import AnswerInvalid, HttpClient, Unavailable
from include.window import Window

LIMIT = 100
CAP = 10_000
"""offset + limit may not be more: https://developer.pagerduty.com/docs/pagination."""
LONGEST = timedelta(days=180)
"""A range may be six months long; the shortest six months have 181 days."""
_SECOND = timedelta(seconds=1)
_READS = 3

Row = Mapping[str, Any]
Parse = Callable[[Any], dict[str, Any]]


@dataclass(frozen=True)
class Listing:
    """One list of PagerDuty: where it is, the key of its records, and what is asked for besides time and page."""

    path: str
    key: str
    params: Mapping[str, Any]


def parts(
    client: HttpClient, listing: Listing, window: Window, parse: Parse
) -> Iterator[tuple[Window, list[dict[str, Any]]]]:
    """Yield consecutive parts of a window with the parsed records of each, oldest first, none twice within a part.

    A part is asked for from one second before it, because PagerDuty does not say which end of a range belongs to it:
    the caller takes the records whose time lies in the part. Raises `Unavailable` when a list stays incomplete and
    `AnswerInvalid` when one second holds more than PagerDuty gives.
    """
    for chunk in window.chunks(LONGEST):
        yield from _halves(client, listing, chunk, parse)


def whole(client: HttpClient, listing: Listing, parse: Parse) -> list[dict[str, Any]]:
    """Return every record of a list that has no range, such as the log of one incident, oldest first."""
    rows = _complete(client, listing, listing.params, parse)
    if rows is None:
        raise AnswerInvalid(
            listing.path,
            f"holds more than {CAP:,} records, and gives no more",
            "Look into this record with its own system: something wrote to it without end",
        )
    return rows


def _halves(
    client: HttpClient, listing: Listing, window: Window, parse: Parse
) -> Iterator[tuple[Window, list[dict[str, Any]]]]:
    rows = _range(client, listing, window, parse)
    if rows is not None:
        yield window, rows
        return
    if window.duration <= _SECOND:
        raise AnswerInvalid(
            listing.path,
            f"holds more than {CAP:,} records in the second from {window.start.isoformat()}, and gives no more",
            "Read fewer of them: name teams in the options of the feed",
        )
    middle = window.start + timedelta(seconds=max(1, int(window.duration / _SECOND / 2)))
    yield from _halves(client, listing, Window(window.start, middle), parse)
    yield from _halves(client, listing, Window(middle, window.end), parse)


def _range(client: HttpClient, listing: Listing, window: Window, parse: Parse) -> list[dict[str, Any]] | None:
    params = {**listing.params, "since": _text(window.start - _SECOND), "until": _text(window.end)}
    return _complete(client, listing, params, parse)


def _complete(client: HttpClient, listing: Listing, params: Row, parse: Parse) -> list[dict[str, Any]] | None:
    """Return all records of a list, oldest first, or None when it is longer than may be read."""
    for _ in range(_READS):
        read = _read(client, listing, params, parse)
        if read is None:
            return None
        rows, totals = read
        if totals <= {None} or totals == {len(rows)}:
            return rows
    counted = " or ".join(f"{total:,}" for total in sorted(total or 0 for total in totals))
    raise Unavailable(
        listing.path, f"answered with {len(rows):,} different records of {counted}, {_READS} times", "Try again later"
    )


def _read(
    client: HttpClient, listing: Listing, params: Row, parse: Parse
) -> tuple[list[dict[str, Any]], set[int | None]] | None:
    """Return the records of one pass over the pages, and what PagerDuty counted with them; None beyond the cap."""
    found: dict[Any, dict[str, Any]] = {}
    totals: set[int | None] = set()
    offset = 0
    while True:
        asked = {**params, "time_zone": "UTC", "limit": LIMIT, "offset": offset, "total": "true"}
        answer = client.get_json(listing.path, asked)
        records = answer.get(listing.key) if isinstance(answer, dict) else None
        if not isinstance(records, list):
            raise AnswerInvalid(listing.path, f"answered without {listing.key}", "Check that the address is the API's")
        count = answer.get("total")
        total = count if isinstance(count, int) else None
        totals.add(total)
        if total is not None and total > CAP:
            return None
        for at, record in enumerate(records):
            found.setdefault(_identity(record, offset + at), parse(record))
        if not answer.get("more"):
            return list(reversed(found.values())), totals
        if not records and total is None:
            raise Unavailable(listing.path, f"left out the page from {offset:,}", "Try again later")
        offset += len(records) or LIMIT
        if offset + LIMIT > CAP:
            return None


def _identity(record: Any, position: int) -> Any:
    known = record.get("id") if isinstance(record, dict) else None
    return known if isinstance(known, str) else position


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
