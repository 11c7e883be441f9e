"""Metrics, every step of the grid: each source's points for the window that has just ended, and late ones before it.

Airflow runs one mapped task per source and window. A run by hand takes a wide window and announces no partition;
use `load_history` to load days at once and have everything behind it run too.
"""

from include.orchestration.ingest_dag import ingest_dag
from include.orchestration.schedule import METRICS

ingest_metrics = ingest_dag("ingest_metrics", ["metric_point"], METRICS, doc=__doc__)
