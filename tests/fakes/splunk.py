"""Splunk's export endpoint as it is documented, and as Splunk 10 was seen to answer.

https://help.splunk.com/en/splunk-enterprise/leverage-rest-apis/rest-api-reference/10.4/search-endpoints/search-endpoint-descriptions
(search/v2/jobs/export: POST only, earliest inclusive, latest exclusive) and
http://dev.splunk.com/view/java-sdk/SP-CAAAEPZ (samples of results in JSON; in an export each row is an object on a
line, and the last one of a result set has `lastrow`). Events come newest first; `_time` is in the zone of the account,
as an abbreviation. A search that fails after its start answers 200 with nothing at all.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.fakes.api import Asked, FakeApi, Reply

# The documentation's own stream of two previews of a search, here the first rows of each.
PREVIEWS = (
    b'{"preview":true,"offset":0,"result":{"sourcetype":"eventgen-2","count":"58509"}}\n'
    b'{"preview":true,"offset":1,"lastrow":true,"result":{"sourcetype":"splunkd_stderr","count":"2"}}\n'
)
# The documentation's own event of `search index=_internal | head 1`.
EVENT: dict[str, Any] = {
    "_bkt": "_internal~26~6C4FD68A-A664-44BA-A4B1-22759F85DBE2",
    "_cd": "26:311977",
    "_indextime": "1378940738",
    "_raw": "09-11-2013 16:05:37.503 -0700 INFO Metrics - group=tpool, id=indexertpool, qsize=0, workers=6",
    "_serial": "0",
    "_si": ["TESTBOX-mbp15.local", "_internal"],
    "_sourcetype": "splunkd",
    "_subsecond": ".503",
    "host": "TESTBOX-mbp15.local",
    "index": "_internal",
    "linecount": "1",
    "source": "/Applications/splunk/var/log/splunk/metrics.log",
    "sourcetype": "splunkd",
    "splunk_server": "TESTBOX-mbp15.local",
}
_DEFAULT = {"_bkt", "_cd", "_indextime", "_raw", "_serial", "_si", "_sourcetype", "_time", "host", "index", "linecount",
            "source", "sourcetype", "splunk_server"}  # fmt: skip
_EPOCH = re.compile(r'eval (\w+)=strftime\(_time, "%s\.%6N"\)')


class FakeSplunk(FakeApi):
    """Holds events by their microsecond. `said` are messages of the stream, `spoil` changes its lines."""

    def __init__(self, zone: str = "America/New_York") -> None:
        super().__init__()
        self.zone = ZoneInfo(zone)
        self.events: list[tuple[int, dict[str, Any]]] = []
        self.authorization: str | None = None
        self.said: list[dict[str, str]] = []
        self.spoil: Callable[[list[bytes]], list[bytes]] = list

    def log(self, us: int, raw: str, **fields: Any) -> None:
        """Index one event."""
        place = {"_bkt": "shop~1~6C4FD68A", "_cd": f"1:{len(self.events)}", "index": "shop"}
        self.events.append((us, {**place, "_raw": raw, "linecount": "1", "_si": ["idx1", "shop"], **fields}))

    def answer(self, asked: Asked) -> Reply:
        if self.authorization and asked.headers.get("Authorization") != self.authorization:
            return Reply({"messages": [{"type": "ERROR", "text": "Unauthorized"}]}, 401)
        if (asked.method, asked.path) != ("POST", "/services/search/v2/jobs/export"):
            return Reply({"messages": [{"type": "ERROR", "text": "Not Found"}]}, 404)
        form = {name: values[0] for name, values in asked.form.items()}
        commands = [part.strip() for part in form["search"].lstrip("| ").split("|")]
        for command in commands:
            if command.split()[0] not in {"search", "fields", "eval", "where", "stats"}:
                return _refused(f"Unknown search command '{command.split()[0]}'.")
        if not re.match(r"search\s|\|", form["search"]) or form.get("output_mode") != "json":
            return _refused("Unknown search command.")
        earliest, latest = (round(float(form[name]) * 1e6) for name in ("earliest_time", "latest_time"))
        wanted = dict(re.findall(r"(\w+)=(\S+)", commands[0]))
        found = [
            (us, event)
            for us, event in self.events
            if earliest <= us < latest and all(event.get(name) == value for name, value in wanted.items())
        ]
        found.sort(key=lambda one: one[0], reverse=True)
        lines = [json.dumps(self._line(at, us, event, len(found), form["search"])).encode()
                 for at, (us, event) in enumerate(found)]  # fmt: skip
        if self.said:
            lines.insert(len(lines) // 2, json.dumps({"messages": self.said}).encode())
        lines = self.spoil([*lines, b'{"preview":false,"lastrow":true}'])
        body = b"\n".join(lines) + b"\n"
        return Reply(body if form.get("preview") in {"false", "0"} else PREVIEWS + body)

    def _line(self, at: int, us: int, event: dict[str, Any], count: int, search: str) -> dict[str, Any]:
        local = datetime.fromtimestamp(us / 1e6, self.zone)
        result = {**event, "_time": f"{local:%Y-%m-%d %H:%M:%S}.{us // 1_000 % 1_000:03} {local:%Z}"}
        if "fields *" not in search:
            result = {name: value for name, value in result.items() if name in _DEFAULT}
        if asked := _EPOCH.search(search):
            result[asked[1]] = f"{us // 10**6}.{us % 10**6:06}"
        last = {"lastrow": True} if at == count - 1 else {}
        return {"preview": False, "offset": at, **last, "result": result}


def microseconds(text: str) -> int:
    """Return an ISO 8601 time as microseconds since 1970."""
    return round(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1e6)


def _refused(text: str) -> Reply:
    return Reply({"messages": [{"type": "FATAL", "text": text}]}, 400)
