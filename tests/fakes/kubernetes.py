"""A fake API server of Kubernetes that lists events.

Event: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/; chunks, `continue` and 410 Gone:
https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks. A list is one
snapshot: what changes meanwhile does not show in its later chunks. Field selectors are those that events support.
"""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from tests.fakes.api import Asked, FakeApi, Reply

TOKEN = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"
# An event as `kubectl get events -o json` shows it.
EVENT: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Event",
    "count": 5,
    "eventTime": None,
    "firstTimestamp": "2026-10-01T10:20:00Z",
    "lastTimestamp": "2026-10-01T10:31:07Z",
    "involvedObject": {
        "apiVersion": "v1",
        "fieldPath": "spec.containers{cart}",
        "kind": "Pod",
        "name": "cart-7d4b9c6f5-x2x9q",
        "namespace": "shop",
        "resourceVersion": "81472",
        "uid": "8f5c2e1a-9d0b-4c55-a1f0-0d6f1b6f2a11",
    },
    "message": "Back-off restarting failed container cart in pod cart-7d4b9c6f5-x2x9q_shop(8f5c2e1a)",
    "metadata": {
        "creationTimestamp": "2026-10-01T10:20:00Z",
        "name": "cart-7d4b9c6f5-x2x9q.17b2c3d4e5f60718",
        "namespace": "shop",
        "resourceVersion": "81533",
        "uid": "0b7f3c52-6a5e-4a57-9f0e-55b1a2c3d4e5",
    },
    "reason": "BackOff",
    "reportingComponent": "kubelet",
    "reportingInstance": "node-1",
    "source": {"component": "kubelet", "host": "node-1"},
    "type": "Warning",
}
_FIELDS = {"type", "reason", "reportingComponent", "source", "metadata.name", "metadata.namespace"}


class FakeKubernetes(FakeApi):
    """`events` are all there are; `before_chunk` is called with how many chunks were given; `forget` names chunks that
    come too late (410)."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self.now = datetime(2026, 10, 1, 11, 5, tzinfo=UTC)
        self.given = 0
        self.forget: set[int] = set()
        self.before_chunk: Callable[[int], None] = lambda _: None
        self._snapshots: list[list[dict[str, Any]]] = []

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _status(401, "Unauthorized", "Unauthorized")
        parts = asked.path.strip("/").split("/")
        if parts[:2] != ["api", "v1"] or parts[-1] != "events":
            return _status(404, "NotFound", "the server could not find the requested resource")
        self.before_chunk(self.given)
        self.given += 1
        token = asked.one("continue")
        if token:
            state = json.loads(base64.b64decode(token))
            if self.given in self.forget:
                return _status(410, "Expired", "The provided continue parameter is too old")
            found, start = self._snapshots[state["rv"]], state["start"]
        else:
            namespace = parts[3] if parts[2] == "namespaces" else None
            found, start = self._selected(asked.one("fieldSelector"), namespace), 0
            if found is None:
                return _status(400, "BadRequest", "field label not supported: spec.nodeName")
            self._snapshots.append(found)
        limit = int(asked.one("limit", "0")) or len(found)
        metadata: dict[str, Any] = {"resourceVersion": "81600"}
        if start + limit < len(found):
            state = {"v": "meta.k8s.io/v1", "rv": len(self._snapshots) - 1, "start": start + limit}
            metadata["continue"] = base64.b64encode(json.dumps(state).encode()).decode()
            metadata["remainingItemCount"] = len(found) - start - limit
        listed = {"kind": "EventList", "apiVersion": "v1", "metadata": metadata, "items": found[start : start + limit]}
        return Reply(listed, headers={"Date": format_datetime(self.now, usegmt=True)})

    def _selected(self, selector: str, namespace: str | None) -> list[dict[str, Any]] | None:
        found = list(self.events)
        for part in filter(None, selector.split(",")):
            field, _, value = part.partition("=")
            if field not in _FIELDS and not field.startswith("involvedObject."):
                return None
            found = [event for event in found if str(_at(event, field)) == value]
        return [event for event in found if namespace in {None, event["metadata"]["namespace"]}]


def _at(event: dict[str, Any], field: str) -> Any:
    for part in field.split("."):
        event = event[part]
    return event


def _status(code: int, reason: str, message: str) -> Reply:
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    return Reply({**status, "reason": reason, "code": code}, code)


def event(number: int, **more: Any) -> dict[str, Any]:
    """Return an event with an identity of its own."""
    metadata = {**EVENT["metadata"], "uid": f"uid-{number}", "name": f"event-{number}", **more.pop("metadata", {})}
    return {**EVENT, "metadata": metadata, **more}
