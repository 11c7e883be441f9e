"""Who is in the fleet, who calls whom, and how each system of the outside world names a service.

The numbers here are typical values; `world.py` draws each world's own around them.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Service:
    """One service: its calls per own request, its typical median latency, and what it holds."""

    name: str
    tier: int
    latency: float
    """Own median seconds per request, without its dependencies, when idle."""
    connections: int
    """Size of its connection pool; the limit that `limits.yaml` repeats."""
    memory_gib: float
    payload: float
    """Bytes on the network per request."""
    calls: dict[str, float] = field(default_factory=dict)
    disk_gib: float | None = None


SERVICES = (
    Service(
        *("web-frontend", 1, 0.024, 800, 4, 42_000),
        {"auth": 0.6, "catalog": 1.1, "search": 0.3, "recommendation": 0.5, "cart": 0.35, "checkout": 0.06},
    ),
    Service("search", 2, 0.032, 200, 8, 9_000, {"search-index": 1.1}),
    Service("recommendation", 3, 0.030, 200, 8, 6_000, {"catalog": 0.4}),
    Service(
        *("checkout", 1, 0.045, 200, 4, 7_000),
        {"cart": 1.0, "payments": 1.0, "inventory": 1.2, "shipping": 0.9, "notification": 1.0},
    ),
    Service("auth", 1, 0.012, 200, 2, 1_800, {"cache": 1.0}),
    Service("catalog", 2, 0.017, 200, 4, 14_000, {"cache": 1.4, "catalog-db": 0.5}),
    Service("cart", 2, 0.010, 200, 2, 3_500, {"cache": 2.0}),
    Service("payments", 1, 0.060, 200, 4, 4_200, {"payments-db": 3.0, "fraud": 1.0}),
    Service("inventory", 2, 0.014, 200, 2, 2_600, {"inventory-db": 2.0}),
    Service("shipping", 2, 0.021, 200, 2, 3_000, {"queue": 1.0}),
    Service("notification", 3, 0.016, 200, 2, 2_400, {"queue": 1.0}),
    Service("fraud", 2, 0.034, 200, 8, 3_800, {"payments-db": 2.0}),
    Service("catalog-db", 1, 0.0045, 300, 32, 6_000, disk_gib=500),
    Service("payments-db", 1, 0.0060, 300, 32, 3_000, disk_gib=800),
    Service("inventory-db", 2, 0.0050, 300, 16, 2_500, disk_gib=200),
    Service("cache", 1, 0.0009, 2000, 16, 1_200),
    Service("queue", 2, 0.0024, 500, 8, 1_500, disk_gib=100),
    Service("search-index", 2, 0.011, 200, 32, 8_000, disk_gib=400),
)
"""In an order in which every caller stands before what it calls."""

NAMES = tuple(service.name for service in SERVICES)
INDEX = {name: i for i, name in enumerate(NAMES)}
COUNT = len(SERVICES)
EDGES = tuple(
    (INDEX[service.name], INDEX[callee], calls) for service in SERVICES for callee, calls in service.calls.items()
)
"""`(caller, callee, calls per request of the caller)`, by position in `SERVICES`."""

WITH_DISK = tuple(i for i, service in enumerate(SERVICES) if service.disk_gib)
WITH_QUEUE = (INDEX["queue"], INDEX["shipping"], INDEX["notification"])
CACHE_USERS = (INDEX["auth"], INDEX["catalog"], INDEX["cart"])
DATABASES = tuple(i for i, name in enumerate(NAMES) if name.endswith("-db"))
DATABASE_CALLERS = tuple(sorted({caller for caller, callee, _ in EDGES if callee in DATABASES}))

GIB = 1024.0**3


def callers_of(service: int) -> set[int]:
    """Return everything that calls `service`, directly or through others."""
    found: set[int] = set()
    front = {service}
    while front:
        front = {caller for caller, callee, _ in EDGES if callee in front} - found
        found |= front
    return found


def metric_labels(service: int) -> dict[str, str]:
    """Return the labels under which the fleet's metrics know a service."""
    return {"instance": f"{NAMES[service]}-0", "job": f"shop/{NAMES[service]}"}


def pager_name(service: int) -> str:
    """Return the name by which alerts and incidents know a service, such as `Shop: Web Frontend`."""
    return f"Shop: {NAMES[service].replace('-', ' ').title()}"


def cluster_name(service: int) -> str:
    """Return the name by which deployments know a service."""
    return f"k8s://shop/{NAMES[service]}"
