"""From label sets to series: what a query's points belong to, worked out once per label set, not per point."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from include.datasets import Scope, canonical_labels
from include.window import stable_hash

Resolve = Callable[[str], str]
"""From a source's name of a service to the service's own, or `unresolved:<name>`."""


@dataclass(frozen=True)
class Meaning:
    """What the configuration says of a query; `identity_labels` None means that every label belongs to the identity."""

    kind: str
    unit: str
    step_seconds: int
    service_label: str | None = None
    identity_labels: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Identified:
    """Points with their series.

    points: [series_id, ts, value]; series: the warehouse's `series` columns; collisions: [rule, raw], points whose
    series has another point at that time, because the identity leaves out a label that tells them apart.
    """

    points: pa.Table
    series: pd.DataFrame
    collisions: pa.Table


def identify(scope: Scope, good: pa.Table, meaning: Meaning, resolve: Resolve) -> Identified:
    """Give every point [ts, labels, value] its series: `series_id = stable_hash(source, query, identity labels)`."""
    labels = good["labels"].cast(pa.dictionary(pa.int32(), pa.string())).combine_chunks()
    if isinstance(labels, pa.ChunkedArray):
        labels = pa.concat_arrays(labels.unify_dictionaries().chunks) if labels.num_chunks else labels.type.empty()
    indices = labels.indices.to_numpy()
    texts = labels.dictionary.to_pylist()
    used = np.flatnonzero(np.bincount(indices, minlength=len(texts)))
    described = pd.DataFrame(
        [_describe(scope, texts[index], meaning, resolve) for index in used],
        columns=["series_id", "labels", "service_alias", "service"],
    ).astype({"series_id": np.int64})
    identity = np.zeros(len(texts), np.int64)
    identity[used] = described["series_id"]
    points = pa.table({"series_id": identity[indices], "ts": good["ts"], "value": good["value"]})
    collisions = _NO_COLLISIONS
    if described["series_id"].nunique() < len(described):
        repeated = _repeated(points)
        collisions = _collisions(good.filter(pa.array(repeated)))
        points = points.filter(pa.array(~repeated))
    return Identified(points, _series(scope, described, points, meaning), collisions)


def _describe(scope: Scope, text: str, meaning: Meaning, resolve: Resolve) -> tuple[int, str, str, str]:
    labels: dict[str, str] = json.loads(text)
    names = labels if meaning.identity_labels is None else meaning.identity_labels
    identity = canonical_labels({name: labels[name] for name in names if name in labels})
    alias = labels.get(meaning.service_label or "", "")
    return stable_hash(scope.source, scope.query, identity), text, alias, resolve(alias)


def _series(scope: Scope, described: pd.DataFrame, points: pa.Table, meaning: Meaning) -> pd.DataFrame:
    seen = points.group_by("series_id").aggregate([("ts", "min"), ("ts", "max")]).to_pandas()
    seen = seen.rename(columns={"ts_min": "first_seen", "ts_max": "last_seen"})
    return (
        described.drop_duplicates("series_id", keep="last")
        .merge(seen, on="series_id")
        .assign(
            source=scope.source,
            query=scope.query,
            kind=meaning.kind,
            unit=meaning.unit,
            step_seconds=meaning.step_seconds,
        )
    )


_NO_COLLISIONS = pa.schema([("rule", pa.string()), ("raw", pa.string())]).empty_table()


def _repeated(points: pa.Table) -> np.ndarray:
    series_id, ts = points["series_id"].to_numpy(), points["ts"].cast(pa.int64()).to_numpy()
    order = np.lexsort((ts, series_id))
    same = (np.diff(series_id[order]) == 0) & (np.diff(ts[order]) == 0)
    repeated = np.zeros(len(order), bool)
    repeated[order[1:][same]] = True
    return repeated


def _collisions(rows: pa.Table) -> pa.Table:
    parts = [pc.strftime(rows["ts"], "%Y-%m-%dT%H:%M:%SZ"), rows["labels"].cast(pa.string())]
    raw = pc.binary_join_element_wise(*parts, rows["value"].cast(pa.string()), " ")
    return pa.table({"rule": pa.repeat("series_identity_is_unique", rows.num_rows), "raw": raw})
