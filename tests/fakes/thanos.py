"""A fake Thanos Querier: range queries over stores of which some may be down.

Parameters, defaults and warnings as documented at https://thanos.io/tip/components/query.md/#query-api-overview:
`partial_response` (default true: a store that is down gives a warning and 200; false: the query fails), `dedup`
(default true: series that differ only in the replica label are one), `max_source_resolution`.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.fakes.api import Asked, FakeApi, Reply

REPLICA = "replica"
DOWN = (
    'expanding series: proxy Series(): rpc error: code = Aborted desc = fetch series for {{cluster="eu"}} '
    "Addr: {store} : rpc error: code = Unavailable desc = connection refused"
)  # fmt: skip


@dataclass
class Store:
    """One store: its address, its series (labels → Unix seconds → value), and whether it answers."""

    address: str
    series: list[tuple[dict[str, str], dict[int, str]]]
    up: bool = True


@dataclass
class FakeThanos(FakeApi):
    """Answers `/api/v1/query_range`; `deaf` makes it ignore `partial_response`, as a proxy before it may."""

    stores: list[Store] = field(default_factory=list)
    deaf: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def answer(self, asked: Asked) -> Reply:
        form = {name: values[0] for name, values in asked.form.items()}
        down = [store for store in self.stores if not store.up]
        if down and form.get("partial_response", "true") == "false" and not self.deaf:
            said = DOWN.format(store=down[0].address)
            return Reply({"status": "error", "errorType": "execution", "error": said}, 422)
        merged: dict[tuple[tuple[str, str], ...], dict[int, str]] = {}
        for store in self.stores:
            for labels, points in store.series if store.up else []:
                kept = {k: v for k, v in labels.items() if k != REPLICA or form.get("dedup", "true") == "false"}
                known = merged.setdefault(tuple(sorted(kept.items())), {})
                known.update({at: value for at, value in points.items() if at not in known})
        document: dict[str, Any] = {
            "status": "success",
            "data": {"resultType": "matrix", "result": [_series(dict(key), at, form) for key, at in merged.items()]},
        }
        if down:
            document["warnings"] = [DOWN.format(store=store.address) for store in down]
        return Reply(document)


def _series(labels: dict[str, str], points: dict[int, str], form: dict[str, str]) -> dict[str, Any]:
    first, last = int(form["start"]), int(form["end"])
    return {"metric": labels, "values": [[at, points[at]] for at in sorted(points) if first <= at <= last]}
