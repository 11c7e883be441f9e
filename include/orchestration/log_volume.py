"""The log volume report: sums over the counts of all lines, turned into a document."""

from datetime import timedelta

import pandas as pd
import sqlalchemy as sa

from include.orchestration.publish import publish
from include.orchestration.runtime import Runtime
from include.report import Document, Edition
from include.report import log_volume as report
from include.warehouse.schema import log_summary, log_template
from include.window import Grid, Window

DAY = timedelta(days=1)
LOOKBACK = timedelta(days=7)
LARGEST = 25
_SUMS = ("lines", "kept", "bytes", "kept_bytes")


def publish_log_volume(rt: Runtime, window: Window) -> list[str]:
    """Build the report of the day that ends with the window's last whole hour; return the ids of the documents."""
    end = Grid.HOUR.floor(window.end)
    day = Window(end - DAY, end)
    hours, services, templates = by_hour(rt, day), by_service(rt, day), largest_templates(rt, day)
    rules = rt.config.logs

    def build(edition: Edition, _previous: Document | None) -> Document:
        return report.build(hours, services, templates, day, edition, rules.price_per_gib, rules.currency)

    return publish(rt, report.NAME, day, build, (), window.end + rt.grid.step, mailed=False)


def by_hour(rt: Runtime, day: Window) -> pd.DataFrame:
    """Return [ts, log_class, lines, kept, bytes, kept_bytes] by hour over the last week."""
    hour = sa.func.date_trunc("hour", log_summary.c.ts, type_=log_summary.c.ts.type).label("ts")
    wide = Window(day.end - LOOKBACK, day.end)
    found = rt.warehouse.frame(
        sa.select(hour, log_summary.c.log_class, *_sums()).where(*_in(wide)).group_by(hour, log_summary.c.log_class)
    )
    return found.astype(dict.fromkeys(_SUMS, "int64"))


def by_service(rt: Runtime, day: Window) -> pd.DataFrame:
    """Return [service, owner, lines, kept, bytes, kept_bytes, before_bytes], the last for the day before."""

    def of(window: Window) -> pd.DataFrame:
        rows = sa.select(log_summary.c.service, *_sums()).where(*_in(window)).group_by(log_summary.c.service)
        return rt.warehouse.frame(rows).astype(dict.fromkeys(_SUMS, "int64"))

    before = of(day.shifted(-DAY))[["service", "bytes"]].rename(columns={"bytes": "before_bytes"})
    owners = {name: service.owner for name, service in rt.config.services.items()}
    found = of(day).merge(before, on="service", how="left").fillna({"before_bytes": 0})
    return found.assign(owner=found["service"].map(owners).astype(object))


def largest_templates(rt: Runtime, day: Window) -> pd.DataFrame:
    """Return [template, log_class, services, lines, kept, bytes, kept_bytes] of those with the most bytes."""
    services = sa.func.count(sa.distinct(log_summary.c.service)).label("services")
    size = sa.func.sum(log_summary.c.bytes)
    largest = (
        sa.select(log_summary.c.template_id, log_summary.c.log_class, services, *_sums())
        .where(*_in(day))
        .group_by(log_summary.c.template_id, log_summary.c.log_class)
        .order_by(size.desc(), log_summary.c.template_id)
        .limit(LARGEST)
        .subquery()
    )
    columns = [column for column in largest.c if column.name != "template_id"]
    joined = largest.join(log_template, log_template.c.template_id == largest.c.template_id)
    found = rt.warehouse.frame(sa.select(log_template.c.template, *columns).select_from(joined))
    return found.astype(dict.fromkeys(_SUMS, "int64"))


def _sums() -> list[sa.Label[int]]:
    return [sa.cast(sa.func.sum(log_summary.c[name]), sa.BigInteger).label(name) for name in _SUMS]


def _in(window: Window) -> tuple[sa.ColumnElement[bool], ...]:
    return (log_summary.c.ts >= window.start, log_summary.c.ts < window.end)
