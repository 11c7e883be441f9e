import pandas as pd

from include.capacity.resource import RESOURCE_COLUMNS, resources
from include.config import MetricQuery, Service
from include.config.limit import ResourceLimit

QUERIES = {
    name: MetricQuery.model_validate({"name": name, "sources": ["s"], "expr": name, "kind": kind, "unit": unit})
    for name, kind, unit in [
        ("disk_used", "usage", "bytes"), ("disk_size", "limit", "bytes"), ("cpu", "saturation", "ratio"),
    ]
}  # fmt: skip
SERVICES = {"cart": Service(name="cart", owner="storefront")}
SERIES = pd.DataFrame(
    [
        (1, "disk_used", "cart", {"instance": "a"}),
        (2, "disk_used", "cart", {"instance": "b"}),
        (3, "disk_size", "cart", {"instance": "a"}),
        (4, "cpu", "cart", {"instance": "a"}),
        (5, "cpu", "search", {"instance": "a"}),
    ],
    columns=["series_id", "query", "service", "labels"],
)
DISK = ResourceLimit(name="disk", query="disk_used", resource="disk", limit_query="disk_size")
CPU = ResourceLimit(name="cpu", query="cpu", resource="CPU", value=1.0)


def by_series(*limits: ResourceLimit) -> pd.DataFrame:
    return resources(SERIES, limits, QUERIES, SERVICES).set_index("series_id")


def test_a_limit_from_a_metric_is_the_series_with_the_same_labels_and_its_absence_is_said() -> None:
    found = by_series(DISK)
    assert found.loc[1, ["limit_series_id", "limit_source", "unit", "by_peak"]].tolist() == [
        3,
        "disk_size",
        "bytes",
        False,
    ]
    assert pd.isna(found.loc[2, "limit_series_id"])
    assert found.loc[2, "limit_source"] == "disk_size: no such series"


def test_the_most_specific_limit_counts() -> None:
    narrow = ResourceLimit(name="cpu-cart", query="cpu", resource="CPU", service="cart", value=0.8)
    found = by_series(CPU, narrow)
    assert found["limit_value"].to_dict() == {4: 0.8, 5: 1.0}
    assert found["limit_source"].to_dict() == {4: "fixed, limit cpu-cart", 5: "fixed, limit cpu"}
    assert found["by_peak"].tolist() == [True, True]


def test_series_that_no_limit_covers_are_no_resources() -> None:
    elsewhere = CPU.model_copy(update={"match": {"instance": "z"}})
    assert len(by_series(elsewhere)) == 0
    assert tuple(resources(SERIES.head(0), [CPU, DISK], QUERIES, SERVICES).columns) == RESOURCE_COLUMNS


def test_an_id_of_64_bits_keeps_every_bit_beside_a_missing_one() -> None:
    large = 1_142_832_692_209_256_705
    found = resources(SERIES.replace({"series_id": {3: large}}), [DISK], QUERIES, SERVICES).set_index("series_id")
    assert found.loc[1, "limit_series_id"] == large
    assert pd.isna(found.loc[2, "limit_series_id"])
