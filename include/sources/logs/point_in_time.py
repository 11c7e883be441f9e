"""A point in time of Elasticsearch or OpenSearch: a frozen view of an index, which lives as long as it is asked."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from include.errors import AlmanacError
from include.http import AnswerInvalid, HttpClient, HttpError, Rejected, Unavailable
from include.http.answer import read_json
from include.sources.logs.records import read_log_json

_OPEN = {"elasticsearch": "/{index}/_pit", "opensearch": "/{index}/_search/point_in_time"}
_CLOSE = {"elasticsearch": "/_pit", "opensearch": "/_search/point_in_time"}
_ID = {"elasticsearch": "id", "opensearch": "pit_id"}
_GONE = "search_context_missing_exception"
_ADVICE = "Ask again; if it stays, look at the cluster's health"


class PointInTimeGoneError(AlmanacError):
    """The view has expired, or a node that held a part of it has gone."""


class PointInTime:
    """One view of an index at a time; `open` makes a new one."""

    def __init__(self, client: HttpClient, flavour: str, index: str, keep_alive: timedelta) -> None:
        self._client = client
        self._flavour = flavour
        self._index = index
        self._keep_alive = f"{max(1, round(keep_alive.total_seconds()))}s"
        self._id: str | None = None
        self.warnings: list[str] = []

    def open(self) -> None:
        """Open a view of the index as it is now."""
        path = _OPEN[self._flavour].format(index=quote(self._index, safe="*,:-_."))
        answer = self._client.fetch("POST", path, read_json, params={"keep_alive": self._keep_alive})
        found = answer.get(_ID[self._flavour]) if isinstance(answer, dict) else None
        if not isinstance(found, str) or not found:
            raise AnswerInvalid(
                path,
                f"opened no point in time: {json.dumps(answer)[:200]}",
                "Check flavour in the source's options: elasticsearch or opensearch",
            )
        self._id = found

    def search(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the whole answer of a search.

        Raises `PointInTimeGoneError` where the view is gone, and `Unavailable` for an answer in which a shard or a
        remote cluster is missing: half a result must not pass for one.
        """
        pit = {"id": self._id, "keep_alive": self._keep_alive}
        try:
            answer = self._client.fetch(
                "POST",
                "/_search",
                read_log_json,
                params={"allow_partial_search_results": "false"},
                json={**body, "pit": pit},
            )
        except Rejected as error:
            if error.status == 404 and _GONE in error.body:
                raise PointInTimeGoneError(str(error)) from error
            raise
        if not isinstance(answer, dict):
            raise AnswerInvalid("/_search", "answered with no object", "Check that the address is that of the API")
        _whole(answer)
        if not (answer.get("_shards") or {}).get("total") and not self.warnings:
            self.warnings.append(f"No index is called {self._index}: nothing was searched.")
        self._id = answer.get("pit_id") or self._id
        return answer

    def close(self) -> None:
        """Give the view back; what goes wrong with that is a warning, for it expires by itself."""
        if self._id is None:
            return
        body = {"id": self._id} if self._flavour == "elasticsearch" else {"pit_id": [self._id]}
        self._id = None
        try:
            self._client.fetch("DELETE", _CLOSE[self._flavour], lambda *_: None, json=body)
        except HttpError as error:
            self.warnings.append(f"The point in time was not given back, it expires by itself: {error}")


def _whole(answer: Mapping[str, Any]) -> None:
    shards, clusters = answer.get("_shards") or {}, answer.get("_clusters") or {}
    if answer.get("timed_out"):
        raise Unavailable("/_search", "timed out and gave a part of the result", _ADVICE)
    if shards.get("failed"):
        reason = json.dumps(shards.get("failures") or [])[:300]
        raise Unavailable(
            "/_search", f"failed on {shards['failed']} of {shards.get('total')} shards: {reason}", _ADVICE
        )
    missing = sum(clusters.get(state) or 0 for state in ("skipped", "partial", "failed"))
    if missing:
        raise Unavailable("/_search", f"left out {missing} of {clusters.get('total')} clusters", _ADVICE)
