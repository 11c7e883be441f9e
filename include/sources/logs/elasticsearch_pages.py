"""All documents of a search in order of time, over as many pages and points in time as it takes.

At most 10,000 documents come at once, so each page begins after the sort values of the last one, with a tie-breaker
for equal times. A tie-breaker holds only within its point in time. Where that expires, a new one is opened and read
from the last time on, without the documents of that time that have come already.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from include.http import AnswerInvalid, AnswerTooLarge, Unavailable
from include.sources.logs.point_in_time import PointInTime, PointInTimeGoneError
from include.sources.logs.records import canonical
from include.sources.logs.rows import ns_of, ns_text
from include.window import Window

_TRIES = 3
"""How often a point in time may expire without a single new document in between."""
_NEVER = -1
_WHERE = "/_search"


@dataclass(frozen=True)
class Search:
    """What is searched for: a query string (empty: everything), sorted by a time and a tie-breaker."""

    query_string: str
    time_field: str
    tiebreaker: str


@dataclass(frozen=True)
class Hits:
    """Hits of one page that have not come before, each with its time in nanoseconds; `unread` are none."""

    ns: list[int]
    hits: list[dict[str, Any]]
    unread: list[str]


class Pages:
    """Reads one search for one window; raises the errors of the HTTP client."""

    def __init__(self, pit: PointInTime, search: Search, window: Window, size: int) -> None:
        self._pit = pit
        self._search = search
        self._start, self._end = ns_of(window.start), ns_of(window.end)
        self._most = self._size = size
        self._since = self._start
        self._views = 0
        self._seen: dict[str, int] = {}
        """The documents at `since` that have been given out, and the last point in time in which they came."""

    def __iter__(self) -> Iterator[Hits]:
        tries = 0
        while True:
            try:
                self._pit.open()
                for hits in self._view():
                    tries = 0 if hits.ns else tries
                    yield hits
            except PointInTimeGoneError as error:
                tries += 1
                if tries == _TRIES:
                    raise Unavailable(
                        _WHERE,
                        f"lost its point in time {_TRIES} times before a new document came ({error})",
                        "Raise keep_alive in the source's options",
                    ) from error
            else:
                return

    def _view(self) -> Iterator[Hits]:
        """Yield the pages of one point in time, from the last known time on.

        What it counts on its first page must have come at the end: a point in time does not change.
        """
        self._views += 1
        floor = self._since
        body = self._body(floor)
        total = counted = 0
        while True:
            found = self._ask(body)
            if "search_after" not in body:
                total = _total(found)
                body["track_total_hits"] = False
            page = found["hits"]["hits"]
            counted += len(page)
            if page:
                yield self._new(page, floor)
                body["search_after"] = _after(page)
            if counted >= total or not page:
                break
        if counted != total:
            raise Unavailable(
                _WHERE,
                f"counted {total:,} documents and gave {counted:,}: a page is missing, or the tie-breaker "
                f"{self._search.tiebreaker} is the same for two documents of one time",
                "Ask again; if it stays, set tiebreaker in the feed's options to a field that no two documents share",
            )

    def _new(self, page: list[Any], floor: int) -> Hits:
        """Return the hits that have not come before; those that begin before `floor` belong to what was read."""
        new = Hits([], [], [])
        last, beyond = _NEVER, 0
        for hit in page:
            read = _place(hit)
            if read is None:
                new.unread.append(canonical(hit))
                continue
            ns, key = read
            known = self._seen.get(key) if ns == self._since else None
            if ns < last or floor <= ns < self._since or known == self._views:
                raise AnswerInvalid(
                    _WHERE,
                    f"sent {key} of {ns_text(ns)} after {ns_text(max(last, self._since))}: a page came again, or not "
                    "in order of time",
                    "Look for a proxy or cache that repeats answers",
                )
            last = ns
            if not floor <= ns < self._end:
                beyond += 1
                continue
            if ns > self._since:
                self._since, self._seen = ns, {}
            self._seen[key] = self._views
            if known is None:
                new.ns.append(ns)
                new.hits.append(hit)
        if beyond == len(page):
            raise AnswerInvalid(
                _WHERE,
                f"sent {beyond:,} documents of which none is of the time that was asked for",
                f"Check that {self._search.time_field} is a field of type date or date_nanos",
            )
        return new

    def _ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return an answer with its hits; asks for fewer where it would be too large."""
        while True:
            size = self._size
            try:
                answer = self._pit.search({**body, "size": size})
            except AnswerTooLarge:
                if size == 1:
                    raise
                self._size = size // 2
                continue
            self._size = min(self._most, size + max(1, size // 8))
            found = answer.get("hits")
            if not isinstance(found, dict) or not isinstance(found.get("hits"), list):
                raise AnswerInvalid(_WHERE, "answered without hits", "Check that the address is that of the API")
            return answer

    def _body(self, since: int) -> dict[str, Any]:
        times = {"gte": ns_text(since), "lt": ns_text(self._end), "format": "strict_date_optional_time_nanos"}
        wanted: list[dict[str, Any]] = [{"range": {self._search.time_field: times}}]
        if self._search.query_string.strip():
            wanted.append({"query_string": {"query": self._search.query_string}})
        return {
            "query": {"bool": {"filter": wanted}},
            # Indices of a pattern may keep milliseconds or nanoseconds: as one type they sort, and page, as one.
            "sort": [
                {self._search.time_field: {"order": "asc", "numeric_type": "date_nanos"}},
                {self._search.tiebreaker: {"order": "asc"}},
            ],
            "track_total_hits": True,
        }


def _total(answer: dict[str, Any]) -> int:
    total = answer["hits"].get("total")
    value = total.get("value") if isinstance(total, dict) and total.get("relation") == "eq" else None
    if not isinstance(value, int):
        raise AnswerInvalid(
            _WHERE, f"did not count its hits ({canonical(total)})", "Check that it is Elasticsearch 8 or OpenSearch 2"
        )
    return value


def _after(page: list[Any]) -> list[Any]:
    sort = page[-1].get("sort") if isinstance(page[-1], dict) else None
    if not isinstance(sort, list) or not sort:
        raise AnswerInvalid(
            _WHERE, "sent a last hit without sort values, so nobody knows where the next page begins", "Ask again"
        )
    return sort


def _place(hit: Any) -> tuple[int, str] | None:
    """Return a hit's time in nanoseconds and its identity, None where it is no hit."""
    if not isinstance(hit, dict) or not isinstance(hit.get("_source"), dict):
        return None
    sort = hit.get("sort")
    ns = sort[0] if isinstance(sort, list) and sort else None
    if not isinstance(ns, int) or isinstance(ns, bool) or not 0 <= ns < 2**63:
        return None
    return ns, f"{hit.get('_index')}/{hit.get('_id')}"
