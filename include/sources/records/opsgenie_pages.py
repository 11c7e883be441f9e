"""Lists of Opsgenie and of Jira Service Management operations, whole, while they change.

Both give pages of 100 by offset, and no more than 20,000. A record that is changed while the pages are read leaves the
window, the others move up, and one would be skipped. So each page is asked for from the last moment of the page before
it, and must begin with that page's last record; where it does not, that moment is read again from its beginning.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from include.http import AnswerInvalid, HttpClient, Unavailable
from include.sources.records.said import UNREADABLE, raw_of, time
from include.window import Window

SIZE = 100
CAP = 20_000
"""The sum of offset and size must be lower."""
_RESTARTS = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Listing:
    """One list: where it is, what its answers call records, links and size, and the time that it can be sorted by."""

    path: str
    records: str
    links: str
    size: str
    by: str


def walk(client: HttpClient, listing: Listing, expr: str, window: Window) -> Iterator[list[Any]]:
    """Yield the records that were last changed in the window, in the order of `listing.by`, each version once.

    Raises `Unavailable` when a page is missing or the pages do not fit together, `AnswerInvalid` when the list is not
    in order or one moment holds more records than the system gives.
    """
    since: datetime | None = None
    offset, restarts = 0, 0
    joint = ""
    told: set[str] = set()
    while True:
        records, more = _page(client, listing, _query(listing, expr, window, since), offset)
        if offset and (not records or _identity(records[0]) != joint):
            restarts += 1
            if restarts > _RESTARTS:
                raise Unavailable(listing.path, "gave pages that do not fit together", "Try again later")
            offset = 0
            continue
        times = [_moment(record, listing.by) for record in records]
        latest = _latest(listing, times, since)
        names = [_identity(record) for record in records]
        yield [record for record, name in zip(records, names, strict=True) if name not in told]
        if not more:
            return
        here = {name for name, at in zip(names, times, strict=True) if at in {None, latest}}
        if latest != since:
            told, since, offset = here, latest, len(records) - times.index(latest) - 1
        elif len(records) > 1:
            told, offset = told | here, offset + len(records) - 1
        else:
            raise Unavailable(listing.path, "left out a page and says that there is more", "Try again later")
        joint = names[-1]
        if offset + SIZE >= CAP:
            raise AnswerInvalid(
                listing.path,
                f"holds more than {offset:,} records of {since}, and gives fewer than {CAP:,}",
                "Read fewer of them: narrow expr",
            )


def _page(client: HttpClient, listing: Listing, query: str, offset: int) -> tuple[list[Any], bool]:
    """Return the records of a page, and whether there are more."""
    params = {"query": query, "sort": listing.by, "order": "asc", "offset": offset, listing.size: SIZE}
    answer = client.get_json(listing.path, params)
    records = answer.get(listing.records) if isinstance(answer, dict) else None
    if not isinstance(records, list):
        raise AnswerInvalid(
            listing.path, f"answered without {listing.records}", "Check url and api: Opsgenie and JSM differ"
        )
    links = answer.get(listing.links)
    return records, bool(links.get("next")) if isinstance(links, dict) else False


def _query(listing: Listing, expr: str, window: Window, since: datetime | None) -> str:
    """Return the search for what changed in the window; times are whole milliseconds, as these systems keep them."""
    parts = [f"({expr})"] if expr.strip() else []
    parts.append(f"updatedAt >= {_milliseconds(window.start)}")
    parts.append(f"updatedAt < {_milliseconds(window.end + timedelta(microseconds=999))}")
    if since is not None:
        parts.append(f"{listing.by} >= {_milliseconds(since)}")
    return " AND ".join(parts)


def _latest(listing: Listing, times: list[datetime | None], since: datetime | None) -> datetime | None:
    """Return the last moment of a page, which must be in order and after that of the page before."""
    known = [at for at in times if at is not None]
    if known != sorted(known) or (known and since is not None and known[0] < since):
        raise AnswerInvalid(
            listing.path, f"is not in the order of {listing.by} that was asked for", "Report it to the project"
        )
    return known[-1] if known else since


def _moment(record: Any, by: str) -> datetime | None:
    """Return a record's time in whole milliseconds, None where it has none that can be read."""
    try:
        at = time(record[by])
    except UNREADABLE:
        return None
    return at.replace(microsecond=at.microsecond // 1_000 * 1_000)


def _identity(record: Any) -> str:
    """Return what tells one version of a record from any other."""
    if isinstance(record, dict) and isinstance(record.get("id"), str):
        return f"{record['id']} {record.get('updatedAt')}"
    return raw_of(record)


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
