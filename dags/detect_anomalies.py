"""Anomalies: score every series and service with its champion, for each partition of metrics.

One mapped task per shard; each reads its slice, scores it and replaces its own results of the window, so a
window that is announced again (late data) is simply scored again. A wide window is given by hand or by `load_history`.
Before the first model is trained there is nothing to score with: such a run is skipped and says so.
"""

from datetime import timedelta

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowSkipException

from include.orchestration.schedule import ANOMALIES, METRICS, behind, dag_defaults, shards


@dag(schedule=behind(METRICS), doc_md=__doc__, **dag_defaults("detect", within=timedelta(minutes=30)))
def detect_anomalies():
    """Wire the shards to the announcement."""

    @task(map_index_template="shard {{ shard }}")
    def score(shard: int) -> dict:
        from include.orchestration.detect import score_shard
        from include.orchestration.tasks import here
        from models.base import NotTrainedError

        run, rt = here()
        try:
            return score_shard(rt, run.window, shard)
        except NotTrainedError as error:
            raise AirflowSkipException(str(error)) from error

    @task(outlets=[ANOMALIES])
    def announce(scored: list[dict]) -> dict:
        from include.orchestration.detect import total
        from include.orchestration.tasks import here
        from include.orchestration.train import notice_moves

        run, rt = here()
        return total(list(scored)) | {"moved": notice_moves(rt, run.window)}

    announce(score.expand(shard=list(shards())))


detect_anomalies()
