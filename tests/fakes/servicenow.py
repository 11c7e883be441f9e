"""A fake ServiceNow instance: its Table API over tables in memory.

https://www.servicenow.com/docs/bundle/zurich-api-reference/page/integrate/inbound-rest/concept/c_TableAPI.html: encoded
queries, `sysparm_limit` and `sysparm_offset` with `Link` and `X-Total-Count`, `sysparm_display_value=all`. Rows that
the user may not see are taken out after the limit; display values are in the user's time zone.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.fakes.api import Asked, FakeApi, Reply

LOGIN, PASSWORD = "almanac", "hunter2"
MOST = 10_000
_CONDITION = re.compile(r"(\w+)(>=|<=|!=|=|>|<)(.*)")


class FakeServiceNow(FakeApi):
    """`tables` are rows of stored values (times in UTC); `shown` gives display values where they differ.

    `zone_hours` is the user's zone, which shows in display values; with `local_queries` also in queries. `hidden` are
    ids of rows that the user may not see. `before_page` is called with how many requests there were before.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[dict[str, str]]] = {"incident": [], "change_request": []}
        self.shown: dict[tuple[str, str], str] = {}
        self.zone_hours = 0
        self.local_queries = False
        self.hidden: set[str] = set()
        self.before_page: Callable[[int], None] = lambda _: None

    def answer(self, asked: Asked) -> Reply:
        if not asked.headers.get("Authorization", "").startswith(("Basic YWxtYW5hYzpodW50ZXIy", "Bearer good")):
            error = {"message": "User Not Authenticated", "detail": "Required to provide Auth information"}
            return Reply({"error": error, "status": "failure"}, 401)
        table = asked.path.removeprefix("/api/now/table/")
        if table not in self.tables:
            return Reply({"error": {"message": f"Invalid table {table}", "detail": None}, "status": "failure"}, 400)
        self.before_page(len(self.asked) - 1)
        limit, offset = int(asked.one("sysparm_limit", "10000")), int(asked.one("sysparm_offset", "0"))
        if limit > MOST:
            return Reply({"error": {"message": "limit", "detail": None}, "status": "failure"}, 400)
        found = self._selected(self.tables[table], asked.one("sysparm_query"))
        visible = [row for row in found[offset : offset + limit] if row["sys_id"] not in self.hidden]
        fields = asked.one("sysparm_fields").split(",")
        headers = {"X-Total-Count": str(len(found))}
        if offset + limit < len(found):
            headers["Link"] = f'<{self.url}{asked.path}?sysparm_offset={offset + limit}>;rel="next"'
        return Reply(
            {"result": [{name: self._field(row, name) for name in fields} for row in visible]}, headers=headers
        )

    def _field(self, row: dict[str, str], name: str) -> dict[str, str]:
        value = row.get(name, "")
        shown = self.shown.get((name, value), value)
        if re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", value):
            shown = text(datetime.fromisoformat(value).replace(tzinfo=UTC) + timedelta(hours=self.zone_hours))
        return {"display_value": shown, "value": value}

    def _selected(self, rows: list[dict[str, str]], query: str) -> list[dict[str, str]]:
        found, orders = list(rows), []
        for part in filter(None, query.split("^")):
            if part.startswith("ORDERBY"):
                orders.append(part.removeprefix("ORDERBY"))
                continue
            match = _CONDITION.fullmatch(part)
            assert match, part
            name, operator, value = match.groups()
            if self.local_queries and name.startswith("sys_updated"):
                value = text(datetime.fromisoformat(value).replace(tzinfo=UTC) - timedelta(hours=self.zone_hours))
            found = [row for row in found if _holds(row.get(name, ""), operator, value)]
        for name in reversed(orders):
            plain = name.removeprefix("DESC")
            found.sort(key=lambda row, by=plain: row.get(by, ""), reverse=name != plain)
        return found


def _holds(known: str, operator: str, value: str) -> bool:
    return {
        "=": known == value,
        "!=": known != value,
        ">": known > value,
        "<": known < value,
        ">=": known >= value,
        "<=": known <= value,
    }[operator]


def text(moment: datetime) -> str:
    """Return a time as ServiceNow stores it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def incident(number: int, updated: datetime, **more: str) -> dict[str, str]:
    """Return a row of the table incident, as stored."""
    return {
        "sys_id": f"{number:032x}",
        "number": f"INC{number:07}",
        "short_description": "Unable to check out",
        "state": "2",
        "priority": "1",
        "opened_at": "2026-10-01 09:00:00",
        "category": "software",
        "cmdb_ci": "b0c4030ac0a800090152e7a4564ca36c",
        "sys_updated_on": text(updated),
        **more,
    }
