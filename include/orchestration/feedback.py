"""Feedback: what people and systems said of findings, as labels that training can use.

Three origins, weighted: a person's word in the pages or by webhook counts fully; an incident of the same service in the
same time says less, for much else may have been wrong then.
"""

from datetime import timedelta
from typing import Any

import pandas as pd
import sqlalchemy as sa

from include.warehouse import Warehouse
from include.warehouse.schema import episode, feedback, incident
from include.window import Window
from models.base import SERIES, SERVICE, service_id
from models.feedback import NOISE, REAL

PERSON_WEIGHT, INCIDENT_WEIGHT = 1.0, 0.3
BEFORE_INCIDENT = timedelta(minutes=30)
LONGEST_INCIDENT = timedelta(days=1)
LABEL_COLUMNS = (
    "subject_kind", "subject_id", "service", "first_ts", "last_ts", "verdict", "weight", "origin"
)  # fmt: skip
PERSON, INCIDENT = "person", "incident"


def labels(warehouse: Warehouse, window: Window) -> pd.DataFrame:
    """Return `LABEL_COLUMNS` of every subject in a window of which something is known, oldest first.

    `subject_kind` and `subject_id` are as in `episode` (a service's id is `models.base.service_id`); `verdict` is real
    or noise; `origin` is person or incident. Of one episode the newest word of a person counts, and where there is
    one, incidents say nothing of it.
    """
    people = _of_people(warehouse, window)
    links = _of_incidents(warehouse, window)
    if len(people) and len(links):
        links = links[~links["episode_id"].isin(people["episode_id"])]
    found = pd.concat([part for part in (people, links) if len(part)] or [people], ignore_index=True)
    return found.sort_values(["first_ts", "subject_id"], ignore_index=True)[list(LABEL_COLUMNS)]


def newest_episodes(warehouse: Warehouse, window: Window) -> pd.DataFrame:
    """Return the episodes that touch a window, each as its newest window has it."""
    seen = warehouse.frame(sa.select(episode).where(episode.c.first_ts < window.end, episode.c.last_ts >= window.start))
    return seen.sort_values(["window_end", "last_ts"]).drop_duplicates("episode_id", keep="last", ignore_index=True)


def given_verdicts(warehouse: Warehouse, episode_ids: list[str]) -> dict[str, dict[Any, Any]]:
    """Return, of these episodes, the newest feedback that was given and not taken back, by episode id."""
    if not episode_ids:
        return {}
    said = warehouse.frame(
        sa.select(feedback).where(
            feedback.c.subject_kind == "episode", feedback.c.subject_id.in_(episode_ids), ~feedback.c.deleted
        )
    )
    newest = said.sort_values("updated_at").drop_duplicates("subject_id", keep="last")
    rows: list[dict[Any, Any]] = newest.to_dict("records")
    return {str(row["subject_id"]): row for row in rows}


def _of_people(warehouse: Warehouse, window: Window) -> pd.DataFrame:
    said = warehouse.frame(sa.select(feedback).where(feedback.c.verdict.in_([REAL, NOISE]), ~feedback.c.deleted))
    said = said.sort_values("updated_at").drop_duplicates(["subject_kind", "subject_id", "first_ts"], keep="last")
    about = said[said["subject_kind"] == "episode"][["subject_id", "verdict"]]
    episodes = newest_episodes(warehouse, window)
    known = episodes.merge(about.rename(columns={"subject_id": "episode_id"}), on="episode_id")
    direct = said[said["subject_kind"].isin([SERIES, SERVICE])].dropna(subset=["first_ts", "last_ts"])
    direct = direct[(direct["first_ts"] < window.end) & (direct["last_ts"] >= window.start)]
    numbered = direct["subject_id"].str.fullmatch(r"-?[0-9]{1,18}|-?[0-8][0-9]{18}").astype(bool)
    direct = direct[(direct["subject_kind"] == SERVICE) | numbered]
    pairs = zip(direct["subject_kind"], direct["subject_id"], direct["service"], strict=True)
    # Python's whole numbers, not pandas' floats: an id has 64 bits.
    ids = [service_id(str(service)) if kind == SERVICE else int(subject) for kind, subject, service in pairs]
    direct = direct.assign(subject_id=pd.Series(ids, direct.index, dtype="int64"), episode_id="")
    columns = ["episode_id", "subject_kind", "subject_id", "service", "first_ts", "last_ts", "verdict"]
    found = pd.concat([known[columns], direct[columns]], ignore_index=True) if len(direct) else known[columns]
    return found.assign(subject_id=found["subject_id"].astype("int64"), weight=PERSON_WEIGHT, origin=PERSON)


def _of_incidents(warehouse: Warehouse, window: Window) -> pd.DataFrame:
    """Return the episodes of a service that overlap an incident of it, from half an hour before it was opened."""
    heard = sa.case((incident.c.status == "resolved", incident.c.updated_at))
    ended = sa.func.coalesce(incident.c.resolved_at, heard)
    known = warehouse.frame(
        sa.select(incident.c.service, incident.c.opened_at, ended.label("resolved_at")).where(
            ~incident.c.deleted,
            incident.c.opened_at < window.end + BEFORE_INCIDENT,
            sa.or_(ended.is_(None), ended >= window.start),
        )
    )
    longest = known["opened_at"] + LONGEST_INCIDENT
    known = known.assign(
        begins=known["opened_at"] - BEFORE_INCIDENT,
        ends=known["resolved_at"].where(known["resolved_at"] < longest, longest),
    )
    both = newest_episodes(warehouse, window).merge(known[["service", "begins", "ends"]], on="service")
    met = both[(both["first_ts"] <= both["ends"]) & (both["last_ts"] >= both["begins"])]
    return met.drop_duplicates("episode_id").assign(verdict=REAL, weight=INCIDENT_WEIGHT, origin=INCIDENT)
