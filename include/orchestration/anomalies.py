"""The Anomalies page: episodes of the last day, with what people said of them and the points around the worst."""

from datetime import timedelta

import pandas as pd
import sqlalchemy as sa

from include.orchestration.feedback import given_verdicts, newest_episodes
from include.orchestration.publish import publish
from include.orchestration.runtime import Runtime
from include.report import EVERYONE, Document, Edition, Store
from include.report import anomalies as anomalies_report
from include.report.anomalies import AROUND, MOST_CHARTS
from include.warehouse.schema import anomaly, metric_point
from include.window import Window
from models.base import SERIES

LATELY = timedelta(days=1)


def publish_anomalies(rt: Runtime, window: Window) -> list[str]:
    """Build the page of the day that ends with a window; return the ids of its documents."""
    day = Window(window.end - LATELY, window.end)
    episodes = newest_episodes(rt.warehouse, day)
    said = given_verdicts(rt.warehouse, episodes["episode_id"].tolist())
    points = _around(rt, episodes, day)
    owners = {service.name: service.owner for service in rt.config.services.values() if service.owner}
    units = {name: query.unit for name, query in rt.config.queries.items()}

    def build(edition: Edition, previous: Document | None) -> Document:
        return anomalies_report.build(episodes, said, points, owners, units, day, edition, previous)

    return publish(rt, anomalies_report.NAME, day, build, (), day.end + rt.grid.step, mailed=False)


def publish_again(rt: Runtime) -> list[str]:
    """Build the newest page again, with what was said since; nothing where there is none yet."""
    entry = Store(rt.settings.documents).latest(anomalies_report.NAME, EVERYONE)
    return publish_anomalies(rt, Window(entry.window_start, entry.window_end)) if entry else []


def _around(rt: Runtime, episodes: pd.DataFrame, day: Window) -> dict[str, pd.DataFrame]:
    """Return [ts, value, lower, upper] around the worst episodes of single series, by episode id.

    The expected range is that of the flagged points: of the others it is not kept.
    """
    order = {"CRITICAL": 0, "HIGH": 1}
    worst = episodes[(episodes["subject_kind"] == SERIES) & episodes["severity"].isin(order)]
    worst = worst.assign(rank=worst["severity"].map(order)).sort_values(["rank", "peak_score"], ascending=[True, False])
    found = {}
    for row in worst.head(2 * MOST_CHARTS).to_dict("records"):  # as many as may be shown, and some that are noise
        first, last = row["first_ts"] - AROUND, min(row["last_ts"] + AROUND, pd.Timestamp(day.end))
        points = rt.warehouse.frame(
            sa.select(metric_point.c.ts, metric_point.c.value)
            .where(metric_point.c.series_id == row["subject_id"], metric_point.c.ts >= first, metric_point.c.ts < last)
            .order_by(metric_point.c.ts)
        )
        ranges = rt.warehouse.frame(
            sa.select(
                anomaly.c.ts, anomaly.c.expected_lower.label("lower"), anomaly.c.expected_upper.label("upper")
            ).where(
                anomaly.c.subject_id == row["subject_id"],
                anomaly.c.subject_kind == SERIES,
                anomaly.c.ts >= first,
                anomaly.c.ts < last,
            )
        )
        found[row["episode_id"]] = points.merge(ranges.drop_duplicates("ts"), on="ts", how="left")
    return found
