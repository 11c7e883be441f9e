"""What analyses have found of late, as it is told to others: episodes of anomalies, to a topic."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pandas as pd
import sqlalchemy as sa

from include.http import Credentials
from include.notify.kafka import CannotPublish, Finding, publish
from include.orchestration.runtime import Runtime
from include.sources.kafka.client import client_settings
from include.warehouse.schema import episode
from include.window import Window

LATELY = timedelta(days=7)
"""So far back an episode may still change, by windows that are read or analysed again."""

UNTOLD = ("learning", "silenced")

_SAID = ("service", "query", "subject_kind", "severity", "state", "points", "peak_score", "description")
_TIMES = ("first_ts", "last_ts", "peak_ts")


def publish_due(rt: Runtime, credentials: Callable[[str], Credentials]) -> dict[str, Any]:
    """Write every new version of a finding to the topic of `publish.yaml`; return how many versions went which way.

    Raises `NotPublished` where the brokers do not take everything, `CannotPublish` for settings that cannot be used.
    """
    wanted = rt.config.publish
    if wanted is None:
        return {"enabled": False, "why": "there is no publish.yaml"}
    who = credentials(wanted.connection) if wanted.connection else Credentials()
    try:
        settings = client_settings(wanted, who)
    except ValueError as error:
        raise CannotPublish(f"publish.yaml: {error}. Correct the connection {wanted.connection}.") from error
    found = [finding for what in wanted.what for finding in _FOUND[what](rt)]
    done = publish(rt.warehouse, found, wanted.topic, settings, rt.clock)
    return {"enabled": True, "sent": done.sent, "known": done.known, "superseded": done.superseded}


def episodes(rt: Runtime) -> list[Finding]:
    """Return the episodes of late, each as its newest window has it; not those that are learning or planned work."""
    since = rt.clock.now() - LATELY
    seen = rt.warehouse.frame(sa.select(episode).where(episode.c.last_ts >= since))
    newest = seen.sort_values(["window_end", "last_ts"]).drop_duplicates("episode_id", keep="last")
    newest = newest[~newest["state"].isin(UNTOLD)]
    return [_finding(row) for row in newest.sort_values(["first_ts", "episode_id"]).to_dict("records")]


def _finding(row: Mapping[Any, Any]) -> Finding:
    content = {name: row[name] for name in _SAID} | {name: _text(row[name]) for name in _TIMES}
    content |= {"subject_id": str(row["subject_id"])}  # 64 bits are more than a number in JSON can be trusted with
    window = Window(row["window_start"].to_pydatetime(), row["window_end"].to_pydatetime())
    return Finding("episode", row["episode_id"], window, content)


def _text(moment: pd.Timestamp) -> str:
    return moment.tz_convert("UTC").isoformat().replace("+00:00", "Z")


_FOUND: Mapping[str, Callable[[Runtime], list[Finding]]] = {"episode": episodes}
