"""Frames of a fleet of 18 services, as the warehouse gives them: what the report tests look at."""
# ruff: noqa: E501  tables of sample data read best in long lines

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from include.window import Window, stable_hash

END = datetime(2026, 11, 20, 6, tzinfo=UTC)
WINDOW = Window(END - timedelta(days=1), END)
HOUR = Window(END - timedelta(hours=1), END)
OWNERS = {
    "web-frontend": "storefront", "auth": "identity", "catalog": "storefront", "search": "discovery",
    "recommendation": "discovery", "cart": "storefront", "checkout": "payments", "payments": "payments",
    "fraud": "payments", "inventory": "logistics", "shipping": "logistics", "notification": "platform",
    "catalog-db": "platform", "payments-db": "platform", "inventory-db": "platform", "cache": "platform",
    "queue": "platform", "search-index": "discovery",
}  # fmt: skip
_RESOURCES = {"memory": (8e9, "bytes"), "cpu": (1.0, "ratio"), "connections": (400.0, "count")}
_DISKS = {"catalog-db": 5e11, "payments-db": 5e11, "inventory-db": 2.5e11, "queue": 1e11, "search-index": 8e11}
# days until it runs out (p10, p50, p90), status, used now, confidence
_TROUBLE = {
    ("payments-db", "disk"): (10, 13, 19, "act_now", 0.81, 0.84),
    ("search-index", "disk"): (11, 13.9, 23, "act_now", 0.79, 0.71),
    ("queue", "disk"): (22, 31, 52, "act_this_week", 0.72, 0.66),
    ("checkout", "connections"): (25, 36, None, "act_this_week", 0.70, 0.58),
}


def resources(trouble: bool = True) -> pd.DataFrame:
    """Return `capacity_status` of 46 resources, four of which run out."""
    rng = np.random.default_rng(7)
    rows = []
    for service, owner in OWNERS.items():
        limits = {
            name: value
            for name, value in _RESOURCES.items()
            if name != "connections" or "db" in service or service == "checkout"
        }
        if service in _DISKS:
            limits["disk"] = (_DISKS[service], "bytes")
        rows += [_resource(service, owner, name, limit, unit, rng, trouble) for name, (limit, unit) in limits.items()]
    frame = pd.DataFrame(rows)
    for column in ("exhausted_p10", "exhausted_p50", "exhausted_p90"):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return frame


def _resource(service, owner, name, limit, unit, rng, trouble):
    known = _TROUBLE.get((service, name)) if trouble else None
    early, middle, late, status, used, confidence = known or (None, None, None, "adequate", rng.uniform(0.2, 0.6), 0.9)
    unknown = service == "recommendation" and name == "cpu"
    pace = (1 - used) / middle if middle else used * rng.uniform(0, 0.002)
    return {
        "series_id": stable_hash(service, name), "service": service, "query": name, "resource": name, "owner": owner,
        "unit": unit, "current": None if unknown else used * limit, "p95": None if unknown else used * limit * 1.01,
        "limit_value": limit, "limit_source": "fixed in limits.yaml" if name != "memory" else "metric memory_limit_bytes",
        "headroom": None if unknown else limit * (1 - used), "trend_per_day": None if unknown else pace * limit,
        "growth_percent": None if unknown else 100 * pace * 30 / used,
        "predicted_peak": None if unknown else limit * (used + 30 * pace),
        "predicted_average": None if unknown else limit * (used + 15 * pace),
        "exhausted_p10": END + timedelta(days=early) if early else None,
        "exhausted_p50": END + timedelta(days=middle) if middle else None,
        "exhausted_p90": END + timedelta(days=late) if late else None,
        "status": "insufficient_history" if unknown else status,
        "recommendation": "Keep watching" if unknown else
            {"act_now": f"Grow the {name} by half this week, or prune what is older than 30 days.",
             "act_this_week": f"Plan more {name} this month.", "adequate": "Enough; keep a 25% buffer."}[status],
        "reason": "12 points, 30 are needed" if unknown else
            f"grows {100 * pace:.2g}% of the limit a day, {'steadily over 26 days' if known else 'too slowly to matter'}",
        "confidence": None if unknown else confidence, "coverage": 0.02 if unknown else 0.998,
        "model": None if unknown else "theta@3" if rng.uniform() > 0.4 else "seasonal_naive@2",
        "producer": "capacity", "window_start": WINDOW.start, "window_end": WINDOW.end, "run_id": "run-1",
    }  # fmt: skip


def recent(status: pd.DataFrame, days: int = 14) -> pd.DataFrame:
    """Return hourly points of the days before the window's end, with a day's season and noise."""
    rng = np.random.default_rng(11)
    hours = np.arange(-24 * days, 0)
    ts = pd.DatetimeIndex([END + timedelta(hours=int(hour)) for hour in hours])
    frames = []
    for row in status.dropna(subset=["current"]).to_dict("records"):
        trend = row["current"] + row["trend_per_day"] * hours / 24
        season = 0.015 * row["limit_value"] * np.sin(hours * 2 * np.pi / 24)
        values = trend + season + rng.normal(0, 0.006 * row["limit_value"], len(hours))
        frames.append(pd.DataFrame({"series_id": row["series_id"], "ts": ts, "value": values.clip(0)}))
    return pd.concat(frames, ignore_index=True)


def forecast(status: pd.DataFrame, days: int = 45) -> pd.DataFrame:
    """Return an hourly forecast with a band that widens."""
    hours = np.arange(0, 24 * days)
    ts = pd.DatetimeIndex([END + timedelta(hours=int(hour)) for hour in hours])
    frames = []
    for row in status.dropna(subset=["current"]).to_dict("records"):
        middle = row["current"] + row["trend_per_day"] * hours / 24
        middle = middle + 0.015 * row["limit_value"] * np.sin(hours * 2 * np.pi / 24)
        wide = 0.01 * row["limit_value"] + row["trend_per_day"] * hours / 24 * 0.28
        frames.append(pd.DataFrame({
            "series_id": row["series_id"], "ts": ts, "lower": middle - wide, "expected": middle, "upper": middle + wide,
            "model": row["model"], "producer": "capacity", "window_start": WINDOW.start, "window_end": WINDOW.end, "run_id": "run-1",
        }))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


_BUDGETS = {
    ("checkout", "availability"): (1.40, "exhausted"), ("search", "latency"): (0.62, "burning"),
    ("payments", "availability"): (0.83, "at_risk"), ("cart", "availability"): (0.78, "at_risk"),
}  # fmt: skip
_PERIOD = timedelta(days=28)
_BURNS = (
    ("1h", "5m", 13.44, "page"),
    ("6h", "30m", 5.6, "page"),
    ("1d", "2h", 2.8, "ticket"),
    ("3d", "6h", 0.933, "ticket"),
)


def objectives(trouble: bool = True) -> pd.DataFrame:
    """Return `slo_status` of 24 objectives: one spent, one burning, two at risk, one without data."""
    rng = np.random.default_rng(3)
    names = [(service, "availability") for service in OWNERS] + [(service, "latency") for service in list(OWNERS)[:6]]
    rows = []
    for service, kind in names:
        target = 0.999 if kind == "availability" else 0.95
        used, status = _BUDGETS.get((service, kind), (None, None)) if trouble else (None, None)
        if used is None:
            used, status = rng.uniform(0.02, 0.5), "healthy"
        if service == "fraud":
            used, status = None, "no_data"
        total = float(rng.integers(2_000_000, 90_000_000))
        budget = (1 - target) * _PERIOD / timedelta(minutes=1)
        bad = round((used or 0) * (1 - target) * total)
        fast = 6.4 if status == "burning" else 2.0 if status == "exhausted" else used or 0
        rows.append({
            "slo": f"{service}-{kind}", "objective": kind, "service": service, "owner": OWNERS[service], "target": target,
            "actual": None if used is None else 1 - bad / total, "compliant": None if used is None else used <= 1,
            "good": 0.0 if used is None else total - bad, "total": 0.0 if used is None else total,
            "budgeting_method": "Occurrences", "period_start": END - _PERIOD, "period_end": END,
            "budget_minutes": budget, "used_minutes": None if used is None else used * budget,
            "remaining_minutes": None if used is None else (1 - used) * budget, "used_ratio": used,
            "burn_rates": [
                {"long": long, "short": short, "long_rate": None if used is None else fast / (place + 1) ** 0.2,
                 "short_rate": None if used is None else fast * 1.1, "threshold": threshold, "severity": severity,
                 "firing": status == "burning" and place == 1}
                for place, (long, short, threshold, severity) in enumerate(_BURNS)
            ],
            "worst_hours": [] if used is None else [
                {"start": (END - timedelta(days=5, hours=13 + hour)).isoformat(), "bad": bad * 0.2 / (hour + 1),
                 "total": total / 20, "share": 0.2 / (hour + 1)} for hour in range(5)
            ],
            "status": status, "coverage": 0.0 if used is None else 0.996, "calculated_for": END, "producer": "slo",
            "window_start": HOUR.start, "window_end": HOUR.end, "run_id": "run-2",
        })  # fmt: skip
    return pd.DataFrame(rows)


def hourly(status: pd.DataFrame) -> pd.DataFrame:
    """Return good and total by hour over the period: a steady leak and one bad night."""
    rng = np.random.default_rng(5)
    hours = int(_PERIOD / timedelta(hours=1))
    ts = pd.DatetimeIndex([END - _PERIOD + timedelta(hours=hour) for hour in range(hours)])
    frames = []
    for row in status[status["total"] > 0].to_dict("records"):
        weight = rng.gamma(0.6, 1.0, hours)
        weight[hours - 134 : hours - 130] += weight.sum() * 0.15
        bad = (row["total"] - row["good"]) * weight / weight.sum()
        total = np.full(hours, row["total"] / hours)
        frames.append(
            pd.DataFrame(
                {"slo": row["slo"], "objective": row["objective"], "ts": ts, "good": total - bad, "total": total}
            )
        )
    return pd.concat(frames, ignore_index=True)


def data_frames(gaps: bool = True) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return `load_log`, gaps, `quality_result` and `quarantine_row` of three feeds over a day, one of them late."""
    loads, quality, quarantine, holes = [], [], [], []
    feeds = (
        ("fleet", "metric_point", "latency_p95", 0),
        ("fleet", "alert", "alerts", 0),
        ("prometheus", "metric_point", "cpu_utilisation", 9 if gaps else 0),
    )
    for source, dataset, query, late in feeds:
        for hour in range(24):
            start = WINDOW.start + timedelta(hours=hour)
            failed = hour >= 24 - late
            end = start + timedelta(hours=1)
            key = {"load_id": f"{source}-{dataset}-{hour}", "source": source, "dataset": dataset, "query": query,
                   "window_start": start, "window_end": end}  # fmt: skip
            bad = 3 if hour == 5 and source == "fleet" and dataset == "metric_point" else 0
            loads.append(key | {
                "status": "failed" if failed else "loaded", "rows_read": 0 if failed else 64_800, "rows_loaded": 0 if failed else 64_800 - bad,
                "rows_quarantined": bad, "rows_before": 0, "expected_rows": 64_800, "content_hash": "0", "landed_at_path": None,
                "message": "http://prometheus:9090 did not answer within 30 s; see whether it runs." if failed else None,
                "started_at": end, "finished_at": end + timedelta(seconds=40), "run_id": f"run-{hour}",
            })  # fmt: skip
            quality.append(key | {"rule": "values_are_finite", "level": "warn", "success": not bad, "observed": float(bad), "expected": "0",
                                  "failed_rows": bad, "message": f"{bad} values are NaN or infinite" if bad else None, "recorded_at": end})  # fmt: skip
            quality.append(key | {"rule": "batch_is_complete", "level": "stop", "success": True, "observed": 1.0, "expected": ">= 0.9",
                                  "failed_rows": 0, "message": None, "recorded_at": end})  # fmt: skip
            quarantine += [
                key
                | {
                    "rule": "values_are_finite",
                    "raw": f'{{"job":"shop/cart","instance":"cart-0"}} {start:%H:%M} NaN',
                    "recorded_at": end,
                }
            ] * bad
            if failed:
                holes.append({"source": source, "query": query, "dataset": dataset, "window_start": start, "window_end": end,
                              "reason": "failed", "message": loads[-1]["message"]})  # fmt: skip
    columns = ["source", "query", "dataset", "window_start", "window_end", "reason", "message"]
    return pd.DataFrame(loads), pd.DataFrame(holes, columns=columns), pd.DataFrame(quality), pd.DataFrame(quarantine)


_QUALITY = {"vus_pr_challenger": 0.71, "vus_pr_champion": 0.66, "vus_pr_robust_z": 0.55, "event_recall_challenger": 0.72,
            "event_recall_champion": 0.70, "median_delay_challenger": 2.0, "median_delay_champion": 3.0,
            "false_episodes_challenger": 0.3, "false_episodes_champion": 0.4,
            "class/latency/60/vus_pr_challenger": 0.74, "class/latency/60/vus_pr_champion": 0.70}  # fmt: skip
_PASSED = "Accepted: better than champion and robust_z beyond chance. VUS-PR 0.710: +0.050 (+0.020 to +0.080)."
_REGISTRY = "http://127.0.0.1:5000/#/models/anomaly-detector/versions/"
VERSIONS = [
    {"model": "anomaly-detector", "version": "5", "role": "challenger", "detector": "ensemble", "trained_at": END - timedelta(days=2),
     "metrics": _QUALITY, "tags": {"gate": "accepted", "gate_verdict": _PASSED}, "url": f"{_REGISTRY}5"},
    {"model": "anomaly-detector", "version": "3", "role": "retired", "detector": "robust_z", "trained_at": END - timedelta(days=30),
     "metrics": {}, "tags": {"promoted_by": "baseline"}, "url": f"{_REGISTRY}3"},
    {"model": "anomaly-detector", "version": "4", "role": "champion", "detector": "ensemble", "trained_at": END - timedelta(days=9),
     "metrics": {}, "tags": {"gate": "accepted", "gate_verdict": "Accepted.", "promoted_by": "gate"}, "url": f"{_REGISTRY}4"},
]  # fmt: skip
