"""What DAG files call: schedules and assets, the window of a run, credentials, and one step per task.

DAG files import `schedule` while Airflow parses them, so that module stays light; the steps (`ingest`, `detect`,
`train`, `reports`, `deliver`, `maintain`) are imported inside tasks. Only `schedule`, `context`, `connections`,
`executor` and `deadlines` import Airflow; the steps take a `Runtime` and run without it. Read `ingest.py` first.
"""
