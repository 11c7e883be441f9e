"""Spans of traces, every step of the grid: read, redacted, landed, judged, loaded; late windows are read again.

Each source is one mapped task of this Airflow DAG; the partition is announced even where a source failed, with its
coverage.
"""

from include.orchestration.ingest_dag import ingest_dag
from include.orchestration.schedule import TRACES

ingest_traces = ingest_dag("ingest_traces", ["span"], TRACES, doc=__doc__)
