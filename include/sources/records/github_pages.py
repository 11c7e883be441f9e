"""Lists of GitHub: newest first, in numbered pages, without a filter by time.

A record that is added while pages are read moves others to the next page, one that is deleted moves them to the page
before. So a list of several pages is read until a pass brings nothing new, and each record comes once.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from include.http import AnswerInvalid, HttpClient, Unavailable
from include.sources.records.said import UNREADABLE, time

PAGE = 100
_PASSES = 3


def listed(client: HttpClient, path: str, params: Mapping[str, str], oldest: datetime | None) -> list[Any]:
    """Return the records of a list, newest first, down to the page whose last one was created before `oldest`.

    Raises `Unavailable` when the list keeps changing, `AnswerInvalid` when it is no list.
    """
    found: dict[Any, Any] = {}
    for number in range(_PASSES):
        known, pages = set(found), 0
        where: str | None = path
        asked: Mapping[str, Any] | None = {**params, "per_page": PAGE}
        while where:
            page = client.get_page(where, asked)
            pages += 1
            if not isinstance(page.document, list):
                raise AnswerInvalid(path, "did not answer with a list", "Check that url is the API's")
            for at, record in enumerate(page.document):
                found[_identity(record, (number, pages, at))] = record
            past = oldest is not None and any(_before(record, oldest) for record in page.document[-1:])
            where, asked = None if past or page.next == where else page.next, None
        if pages == 1 or (number and set(found) == known):
            return list(found.values())
    raise Unavailable(path, f"changed while it was read, {_PASSES} times", "Try again later")


def _identity(record: Any, place: tuple[int, int, int]) -> Any:
    known = record.get("id") if isinstance(record, dict) else None
    return known if isinstance(known, int | str) else place


def _before(record: Any, oldest: datetime) -> bool:
    try:
        return time(record["created_at"]) < oldest
    except UNREADABLE:
        return False
