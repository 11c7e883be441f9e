"""One DAG that runs another: and waits for it, as loading history does, or only starts it. DAG files import it."""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

FAILED_RUN_STAYS_FAILED = ExceptionRetryPolicy(
    rules=[RetryRule(exception=Exception, action=RetryAction.FAIL, reason="its own tasks were tried again already")]
)


def chain(dag_id: str, **kwargs: Any) -> Any:
    """Return an operator, to be expanded over `conf`, that runs another DAG and waits for it."""
    return TriggerDagRunOperator.partial(
        task_id=f"run_{dag_id}",
        trigger_dag_id=dag_id,
        logical_date=None,
        wait_for_completion=True,
        reset_dag_run=True,
        deferrable=True,
        poke_interval=2,
        retries=2,  # Airflow may take a task that resumes quickly for one that vanished
        retry_delay=timedelta(seconds=5),
        retry_policy=FAILED_RUN_STAYS_FAILED,
        **kwargs,
    )


def start(dag_id: str, **kwargs: Any) -> Any:
    """Return an operator, to be expanded over `conf`, that starts another DAG and goes on."""
    return TriggerDagRunOperator.partial(
        task_id=f"start_{dag_id}",
        trigger_dag_id=dag_id,
        logical_date=None,
        retry_policy=FAILED_RUN_STAYS_FAILED,
        **kwargs,
    )
