"""The screenful at the end of `make run`: what was found, where to look, how to sign in, how to stop."""

import json
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import sqlalchemy as sa

from include.report import EVERYONE, Store
from include.settings import REPOSITORY, Settings
from include.stack.environment import USER
from include.stack.findings import Findings, match
from include.warehouse import Warehouse
from include.warehouse.schema import delivery, episode, log_summary, metric_point, quarantine_row, series, span
from include.window import Window

if TYPE_CHECKING:
    from include.stack.job import Job

FLEET = Settings.model_fields["config_dir"].default


def text(job: "Job", end: datetime, *, headless: bool = False) -> str:
    """Return the summary of a finished main job; `headless`: everything is stopped after it."""
    warehouse = Warehouse(job.settings.warehouse, task="summary")
    lines = ["", f"  Done in {job.terminal.elapsed_seconds / 60:.1f} minutes.", "", "  Found"]
    lines += [f"    {line}" for line in _found(job, warehouse, end)]
    own = "" if job.settings.config_dir == FLEET else f" CONFIG={_short(job.settings.config_dir)}"
    if headless:
        lines += [
            "",
            f"  Reports are in {job.settings.documents}. To look at them, start again with `make run{own}`.",
            "",
        ]
        return "\n".join(lines)
    lines += ["", "  Look", *(f"    {line}" for line in _places(job, warehouse)), ""]
    lines += [f"  Stop with `make down{own}`. Run `make run{own}` again to go on where this left off.", ""]
    return "\n".join(lines)


def _short(folder: Path) -> Path:
    """Return a folder as a person in the repository would name it."""
    return folder.relative_to(REPOSITORY) if folder.is_relative_to(REPOSITORY) else folder


def _found(job: "Job", warehouse: Warehouse, end: datetime) -> list[str]:
    points, known, quarantined = warehouse.frame(
        sa.select(
            sa.select(sa.func.count()).select_from(metric_point).scalar_subquery().label("points"),
            sa.select(sa.func.count()).select_from(series).scalar_subquery().label("series"),
            sa.select(sa.func.count()).select_from(quarantine_row).scalar_subquery().label("quarantined"),
        )
    ).iloc[0]
    lines = [f"{points:,} points of {known:,} series loaded, {quarantined:,} rows in quarantine"]
    lines += _logs_and_traces(warehouse)
    lines += [detection_line(job, warehouse, end)]
    store = Store(job.settings.documents)
    for name in ("capacity", "slo"):
        entry = store.latest(name, EVERYONE)
        if entry:
            lines.append(store.read(name, entry.id).verdict.text)
    return lines


def _logs_and_traces(warehouse: Warehouse) -> list[str]:
    sums = [
        sa.func.coalesce(sa.func.sum(log_summary.c[name]), 0).label(name) for name in ("lines", "bytes", "kept_bytes")
    ]
    read = warehouse.frame(sa.select(*sums)).astype("int64").iloc[0]
    spans = warehouse.frame(sa.select(sa.func.count().label("spans")).select_from(span)).iloc[0]["spans"]
    lines = []
    if read["lines"]:
        saved = 1 - read["kept_bytes"] / read["bytes"]
        lines.append(f"{read['lines']:,} log lines read and counted; {saved:.0%} of their volume need not be stored")
    if spans:
        lines.append(f"{spans:,} spans of traces loaded")
    return lines


def detection_line(job: "Job", warehouse: Warehouse, end: datetime) -> str:
    """Say how many episodes there are and, on the simulated fleet, how they compare with what was planted."""
    episodes = episodes_of(warehouse)
    if not job.has_fleet:
        return f"{len(episodes):,} anomaly episodes on {episodes['service'].nunique()} services"
    window = Window(end - timedelta(days=job.days), end)
    found = against_truth(job, episodes, window)
    delay = "" if found.median_delay_minutes is None else f", after {found.median_delay_minutes:.0f} min (median)"
    return (
        f"{len(episodes):,} anomaly episodes; {found.found} of {found.planted} planted faults found{delay}; "
        f"{found.false_per_service_day:.2f} false episodes per service and day"
    )


def episodes_of(warehouse: Warehouse) -> pd.DataFrame:
    """Return every episode once, as it was last seen."""
    columns = (episode.c.episode_id, episode.c.service, episode.c.first_ts, episode.c.last_ts, episode.c.window_end)
    rows = warehouse.frame(sa.select(*columns))
    return rows.sort_values("window_end").drop_duplicates("episode_id", keep="last").reset_index(drop=True)


def against_truth(job: "Job", episodes: pd.DataFrame, window: Window) -> Findings:
    """Hold episodes against the truth, which is computed anew for this and kept nowhere."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "truth.json"
        job.python(
            "-m",
            "include.demo",
            "truth",
            str(job.fleet_state),
            "--out",
            str(out),
            "--until",
            f"{window.end:%Y-%m-%dT%H:%M}",
        )
        truth = json.loads(out.read_text())
    return match(episodes, truth["faults"], window, len(job.config.services))


def _places(job: "Job", warehouse: Warehouse) -> list[str]:
    sent = warehouse.frame(sa.select(delivery.c.state).where(delivery.c.state == "sent", delivery.c.channel == "mail"))
    lines = [
        f"Airflow   {job.settings.ui}    sign in as {USER}, password {job.password}",
        f"Reports   {job.settings.ui}/almanac/    (also in Airflow's own navigation, under Almanac)",
        f"MLflow    {job.settings.mlflow_ui}    models, their versions, aliases champion and challenger",
        f"Files     {job.settings.documents}",
    ]
    if job.config.mail.enabled:
        lines.append(f"Mail      {len(sent)} sent; as received: {job.settings.home / 'mail' / 'index.html'}")
    else:
        lines.append("Mail      off; set enabled: true in mail.yaml to send")
    return lines
