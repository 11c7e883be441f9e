"""A day of episodes and a day of drift, small and literal."""

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from tests.report import sample

START, END = pd.Timestamp(sample.END) - pd.Timedelta(days=1), pd.Timestamp(sample.END)
WORDS = (
    "errors of checkout: 14 unusual points in 22 min. At the peak: Value 0.092 is above the expected 0.001 to 0.012 "
    "and rising fast; most unusual: rate of change, volatility."
)
OWNERS = {"checkout": "payments", "cart": "storefront"}
UNITS = {"errors": "ratio", "latency_p95": "seconds", "memory": "bytes"}
_ROWS = (
    ("a" * 16, "checkout", "errors", "CRITICAL", 1.0, 22, 14, 4.2, "open"),
    ("b" * 16, "cart", "latency_p95", "HIGH", 5.0, 40, 9, 1.9, "closed"),
    ("c" * 16, "search", "latency_p95", "MEDIUM", 9.0, 10, 3, 1.2, "closed"),
    ("d" * 16, "cart", "memory", "HIGH", 11.0, 65, 30, 1.4, "silenced"),
    ("e" * 16, "a-service-with-a-rather-long-name-of-its-own", "memory", "LOW", 20.0, 5, 3, 1.1, "learning"),
)
SAID: dict[str, dict[Any, Any]] = {"b" * 16: {"verdict": "noise", "person": "ann", "source": "almanac-pages"}}


def episodes() -> pd.DataFrame:
    rows = []
    for episode_id, service, query, severity, hours, minutes, points, peak, state in _ROWS:
        last = END - pd.Timedelta(minutes=5) - pd.Timedelta(hours=hours - 1)
        rows.append(
            {
                "episode_id": episode_id, "subject_kind": "series", "subject_id": 7, "service": service, "query": query,
                "first_ts": last - pd.Timedelta(minutes=minutes), "last_ts": last, "peak_ts": last, "points": points,
                "peak_score": peak, "severity": severity, "state": state, "description": WORDS,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def points() -> dict[str, pd.DataFrame]:
    ts = pd.date_range(END - pd.Timedelta(hours=4), END, freq="min", inclusive="left")
    rng = np.random.default_rng(4)
    value = 0.006 + rng.normal(0, 0.001, len(ts))
    value[-27:-5] += 0.08
    inside = np.arange(len(ts)) >= len(ts) - 27
    frame = pd.DataFrame({"ts": ts, "value": value})
    band = {"lower": np.where(inside, 0.001, np.nan), "upper": np.where(inside, 0.012, np.nan)}
    return {"a" * 16: frame.assign(**band), "b" * 16: frame.assign(**band)}


def drift_rows() -> pd.DataFrame:
    rows = []
    for day in range(6):
        window = sample.WINDOW.shifted(-timedelta(days=day))
        grown = 0.9 - 0.15 * day
        for feature, series_class, psi, status in (
            ("value", "traffic/60", grown, "drifted" if grown > 0.25 else "ok"),
            ("volatility", "traffic/60", 0.14, "watch"), ("score", "traffic/60", 0.03, "ok"),
            ("value", "usage/300", None, "unknown"),
            ("alarm_rate", "all", None, "ok"), ("coverage", "all", None, "drifted" if day == 0 else "ok"),
        ):  # fmt: skip
            rows.append(
                {
                    "model": "anomaly-detector", "model_version": "4", "series_class": series_class, "feature": feature,
                    "psi": psi, "psi_usual": 0.05 if psi else None, "ks": 0.4 if psi else None,
                    "ks_p": 1e-7 if psi else None, "points": 84_000, "effective_points": 910.0 if psi else None,
                    "trained": 0.02, "current": 0.27 if feature == "coverage" else 2.4, "watch_at": 0.1,
                    "drifted_at": 0.2 if feature == "coverage" else 0.25, "status": status,
                    "reason": "PSI 0.90 is above 0.25; median 0.02 in training, 2.4 now",
                    "window_start": pd.Timestamp(window.start), "window_end": pd.Timestamp(window.end),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)
