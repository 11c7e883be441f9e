"""Alerts, incidents and changes, every step of the grid: what each source created or changed in the window.

Records merge by key and the newest version wins, so reading a window again in this Airflow DAG changes nothing twice.
"""

from include.orchestration.ingest_dag import ingest_dag
from include.orchestration.schedule import EVENTS

ingest_events = ingest_dag(
    "ingest_events", ["alert", "incident", "incident_change", "change_event", "feedback"], EVENTS, doc=__doc__
)
