"""Records of a ServiceNow table by the Table API, in order of `sys_updated_on`, then `sys_id`.

Offsets shift while people work, so a page begins after the key of the last record. Rows that the user may not see are
cut out of a page after its limit: a page that is not full, even an empty one, is not the last while the answer names a
next one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from include.http import AnswerInvalid, HttpClient, Rejected, Unavailable
from include.window import Window

PAGE = 1_000
_SECOND = timedelta(seconds=1)
_KEY = ("sys_updated_on", "sys_id")
_ORDER = ("ORDERBYsys_updated_on", "ORDERBYsys_id")


@dataclass(frozen=True)
class Table:
    """One table as one feed reads it: its conditions as an encoded query, and the fields that are asked for."""

    name: str
    conditions: str
    fields: tuple[str, ...]

    @property
    def path(self) -> str:
        """The address of the table."""
        return f"/api/now/table/{self.name}"

    def query(self, *conditions: str, order: tuple[str, ...] = _ORDER) -> str:
        """Return the encoded query of these conditions and the feed's own."""
        return "^".join(part for part in (self.conditions, *conditions, *order) if part)


def records(client: HttpClient, table: Table, window: Window) -> Iterator[list[Any]]:
    """Yield pages of the records that were last updated in the window's seconds; the caller cuts them exactly.

    Each value comes as `value` (as it is stored, times in UTC) and `display_value` (in the user's zone and language).
    """
    must_read_utc(client, table)
    end = f"sys_updated_on<{_text(window.end + _SECOND - timedelta(microseconds=1))}"
    begin = f"sys_updated_on>={_text(window.start)}"
    while True:
        page, more = _page(client, table, begin, end)
        if page:
            yield page
        if not more:
            return
        second, last = _key(table, page[-1])
        while more:
            rest, more = _page(client, table, f"sys_updated_on={second}", f"sys_id>{last}")
            if rest:
                yield rest
                _, last = _key(table, rest[-1])
        begin = f"sys_updated_on>{second}"


def must_read_utc(client: HttpClient, table: Table) -> None:
    """Raise `Rejected` where this user's queries read times in another zone than UTC, which would lose records.

    The latest record must be found by its own time; it is asked for twice, because it may be updated in between.
    """
    for _ in range(2):
        newest = _ask(client, table, table.query(order=("ORDERBYDESCsys_updated_on",)), 0, 10)[0]
        if not newest:
            return
        second, known = _key(table, newest[0])
        if _ask(client, table, table.query(f"sys_id={known}", f"sys_updated_on={second}"), 0, 1)[0]:
            return
    raise Rejected(
        table.path,
        f"does not find its latest record by the time {second} UTC that it gives for it",
        "Set the time zone of the user of the connection to GMT, and let the user read sys_updated_on",
    )


def _page(client: HttpClient, table: Table, *conditions: str) -> tuple[list[Any], bool]:
    """Return the next page that is not empty, and whether there is more after it."""
    offset = 0
    while True:
        page, more = _ask(client, table, table.query(*conditions), offset, PAGE)
        if page or not more:
            return page, more
        offset += PAGE


def _ask(client: HttpClient, table: Table, query: str, offset: int, limit: int) -> tuple[list[Any], bool]:
    params = {
        "sysparm_query": query,
        "sysparm_fields": ",".join(table.fields),
        "sysparm_display_value": "all",
        "sysparm_exclude_reference_link": "true",
        "sysparm_limit": limit,
        "sysparm_offset": offset,
    }
    page = client.get_page(table.path, params)
    answer = page.document if isinstance(page.document, dict) else {}
    if answer.get("error"):
        said = answer["error"].get("message") if isinstance(answer["error"], dict) else answer["error"]
        raise Unavailable(table.path, f"answered in part: {said}", "Read it again, or narrow expr")
    if not isinstance(answer.get("result"), list):
        raise AnswerInvalid(table.path, "did not answer with a result", "Check that url is that of the instance")
    return answer["result"], page.next is not None or len(answer["result"]) >= limit


def _key(table: Table, record: Any) -> tuple[str, str]:
    try:
        second, known = (record[name]["value"] for name in _KEY)
    except (KeyError, TypeError):
        second = known = ""
    if not second or not known:
        raise AnswerInvalid(
            table.path, "gave a record without sys_id or sys_updated_on", "Let the user of the connection read both"
        )
    return second, known


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
