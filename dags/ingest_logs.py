"""Log lines, every step of the grid: read, redacted, landed, judged, loaded; late windows are read again.

Critical and interesting lines are kept whole, routine ones as a sample and exact counts. `logs.yaml` holds the rules.
Each source is one mapped task of this Airflow DAG; the partition is announced even where a source failed, with its
coverage.
"""

from include.orchestration.ingest_dag import ingest_dag
from include.orchestration.schedule import LOGS

ingest_logs = ingest_dag("ingest_logs", ["log_event"], LOGS, doc=__doc__)
