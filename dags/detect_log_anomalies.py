"""Strange log lines: score each partition of logs with the champion, by template rarity, length, level and hour.

A window that is announced again (late lines) is simply scored again. Before the first model is trained there is
nothing to score with: such a run is skipped and says so.
"""

from datetime import timedelta

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowSkipException

from include.orchestration.schedule import LOGS, behind, dag_defaults


@dag(schedule=behind(LOGS), doc_md=__doc__, **dag_defaults("detect", "logs", within=timedelta(minutes=30)))
def detect_log_anomalies():
    """Wire the one step."""

    @task
    def score() -> dict:
        from include.orchestration.log_lines import score_log_lines
        from include.orchestration.tasks import here
        from models.base import NotTrainedError

        run, rt = here()
        try:
            return score_log_lines(rt, run.window)
        except NotTrainedError as error:
            raise AirflowSkipException(str(error)) from error

    score()


detect_log_anomalies()
