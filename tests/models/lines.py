"""Log lines for the tests of their detector: services with templates of their own, busy by day, quiet by night."""

import numpy as np
import pandas as pd

START = pd.Timestamp("2026-10-05", tz="UTC")


def log_lines(services: int = 3, days: int = 8, per_day: int = 1_500, seed: int = 0) -> pd.DataFrame:
    """Return lines `[service, ts, level, template_id, length]` in order of time."""
    rng = np.random.default_rng(seed)
    parts = []
    for at in range(services):
        size = per_day * days
        share = 1.0 / np.arange(1, 31) ** 1.3
        template = rng.choice(30, size, p=share / share.sum())
        hour = rng.choice(24, size, p=np.where(np.arange(24) % 24 < 6, 0.2, 1.0) / 19.2)
        seconds = rng.integers(0, days, size) * 86_400 + hour * 3_600 + rng.uniform(0, 3_600, size)
        level = np.where(template % 10 == 7, "ERROR", np.where(template % 10 == 4, "WARN", "INFO")).astype(object)
        awake = (hour >= 6) | (level != "ERROR")  # errors are of the day
        frame = pd.DataFrame(
            {
                "service": f"s{at}",
                "ts": (START + pd.to_timedelta(seconds, "s")).as_unit("us"),
                "level": level,
                "template_id": at * 1_000 + template,
                "length": np.maximum(10, rng.normal(40 + 5 * template, 6)).astype(int),
            }
        )
        parts.append(frame[awake])
    return pd.concat(parts).sort_values("ts", kind="stable", ignore_index=True)
