"""What a joint anomaly is said to mean: severity, known pairs, hypotheses."""

import json
import zlib

import numpy as np
import pytest

from models.joint_evidence import ROLES, Metric, hypotheses, pairs, severity_codes, told
from models.severity import SEVERITIES

RAMP = np.linspace(0.0, 1.0, 60)
FLAT = np.zeros(60)


def metric(query: str, kind: str, z: float, recent: np.ndarray = FLAT, number: int = 0) -> Metric:
    value = 100.0 + 10 * z
    return Metric(number or zlib.crc32(query.encode()), query, kind, z, True, value, 100.0, recent)


CALM = (
    metric("latency_p95", "latency", 0.3),
    metric("db_time", "latency", 0.1),
    metric("connections_used", "saturation", 0.2),
    metric("error_rate", "errors", 0.0),
    metric("memory_bytes", "usage", 0.4),
    metric("request_rate", "traffic", 0.2),
    metric("cpu_utilisation", "saturation", -0.3),
    metric("cache_hit_ratio", "efficiency", 0.1),
)


def service(*changed: Metric) -> list[Metric]:
    return [*changed, *(one for one in CALM if one.query not in {other.query for other in changed})]


@pytest.mark.parametrize(
    ("highest", "abnormal", "severity"),
    [
        (0.0, 0, "LOW"),
        (2.0, 1, "LOW"),
        (2.1, 1, "MEDIUM"),
        (1.0, 2, "MEDIUM"),
        (3.1, 1, "HIGH"),
        (1.0, 3, "HIGH"),
        (5.0, 4, "HIGH"),
        (-5.1, 1, "CRITICAL"),
        (2.6, 5, "CRITICAL"),
    ],
)
def test_severity_follows_the_highest_z_or_the_number_of_abnormal_metrics(highest, abnormal, severity):
    assert SEVERITIES[severity_codes(np.array([highest]), np.array([abnormal]))[0]] == severity


@pytest.mark.parametrize(
    ("query", "kind", "role"),
    [
        ("latency_p99", "latency", "latency"),
        ("http_request_duration_p95", "latency", "latency"),
        ("db_time", "latency", "database time"),
        ("database_time_p95", "latency", "database time"),
        ("postgres_connections", "saturation", "connections"),
        ("pool_connections", "saturation", "connections"),
        ("http_errors", "errors", "errors"),
        ("container_memory", "usage", "memory"),
        ("http_request_rate", "traffic", "throughput"),
        ("grpc_requests", "traffic", "throughput"),
        ("node_cpu_utilisation", "saturation", "CPU"),
        ("redis_hit_ratio", "efficiency", "cache hits"),
    ],
)
def test_a_metric_plays_one_role_by_its_kind_and_name(query, kind, role):
    assert [name for name, one in ROLES.items() if one.plays(metric(query, kind, 0.0))] == [role]


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("pool_max_connections", "limit"),
        ("memory_limit_bytes", "limit"),
        ("network_bytes", "traffic"),
        ("peak_traffic", "flag"),
    ],
)
def test_limits_flags_and_bytes_on_the_wire_play_none(query, kind):
    assert not [name for name, one in ROLES.items() if one.plays(metric(query, kind, 0.0))]


def test_a_known_pair_that_rose_together_is_told_with_its_correlation():
    found = pairs(
        service(metric("latency_p95", "latency", 6.0, RAMP, 1), metric("db_time", "latency", 7.0, 2 * RAMP, 2))
    )
    assert [one.plain() for one in found] == [
        {
            "pair": "latency with database time",
            "queries": ["latency_p95", "db_time"],
            "series_ids": [1, 2],
            "correlation": pytest.approx(1.0),
            "points": 60,
        }
    ]


def test_cache_hits_and_latency_are_a_pair_only_against_each_other():
    for slope, told_ in ((-1.0, 1), (1.0, 0)):
        hits = metric("cache_hit_ratio", "efficiency", -8.0, slope * RAMP)
        assert len(pairs(service(hits, metric("latency_p95", "latency", 6.0, RAMP)))) == told_


def test_pairs_need_an_abnormal_metric_and_five_points_of_both():
    calm = metric("latency_p95", "latency", 1.0, RAMP), metric("db_time", "latency", 1.0, RAMP)
    assert pairs(service(*calm)) == []
    short = np.where(np.arange(60) < 4, RAMP, np.nan)
    assert pairs(service(metric("latency_p95", "latency", 6.0, short), metric("db_time", "latency", 6.0, RAMP))) == []


LATENCY = metric("latency_p95", "latency", 7.0, RAMP)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ((metric("connections_used", "saturation", 9.0, RAMP), LATENCY), "connection-pool exhaustion"),
        ((metric("memory_bytes", "usage", 9.0, RAMP), metric("error_rate", "errors", 8.0, RAMP)), "memory pressure"),
        ((metric("cpu_utilisation", "saturation", 9.0, RAMP), LATENCY), "CPU bottleneck"),
        ((metric("cache_hit_ratio", "efficiency", -9.0, -RAMP), LATENCY), "cache loss"),
    ],
)
def test_a_cause_is_named_with_evidence_and_remediation(changed, name):
    metrics = service(*changed)
    first = hypotheses(metrics, pairs(metrics))[0]
    assert first["name"] == name
    assert 0.6 < first["confidence"] <= 1.0
    assert changed[0].query in first["evidence"][0]
    assert len(first["evidence"]) >= 2
    assert first["remediation"].endswith(".")


def test_more_cache_hits_or_fewer_connections_are_no_cause():
    metrics = service(metric("cache_hit_ratio", "efficiency", 9.0), metric("connections_used", "saturation", -9.0))
    assert [one["name"] for one in hypotheses(metrics, [])] == ["unknown"]


def test_what_fits_no_cause_is_unknown_with_the_strongest_metrics_as_evidence():
    metrics = service(metric("queue_depth", "saturation", 12.0), metric("error_rate", "errors", 4.0))
    (only,) = hypotheses(metrics, pairs(metrics))
    assert only["name"] == "unknown"
    assert only["confidence"] == 1.0
    assert only["evidence"][0].startswith("queue_depth is 220, expected 100 (+120%)")


def test_confidences_and_the_rest_for_unknown_add_up_to_one():
    metrics = service(metric("cpu_utilisation", "saturation", 9.0))
    found = {one["name"]: one["confidence"] for one in hypotheses(metrics, [])}
    assert found["CPU bottleneck"] + found["unknown"] == pytest.approx(1.0)


def test_what_is_told_is_plain_json_in_order_of_strength():
    harmless = Metric(5, "active_users", "business", 20.0, False, 1.0, 0.0, FLAT)
    metrics = [*service(metric("memory_bytes", "usage", -3.0), metric("error_rate", "errors", 8.0)), harmless]
    found = json.loads(json.dumps(told(metrics)))
    assert [one["query"] for one in found["metrics"]] == ["error_rate", "memory_bytes"]
    assert found["severity"] == "CRITICAL"
    assert found["features"][0].startswith("error_rate")


def test_where_no_single_metric_is_abnormal_the_words_say_so():
    found = told(service())
    assert found["metrics"] == []
    assert found["features"][0] == "no single metric is abnormal, their combination is"
    assert found["severity"] == "LOW"
