"""A person's approval of a model that has passed its gate: challenger against champion, side by side.

`train_anomaly_models` and `train_capacity_models` start it when the policy is `review`; it can be started by hand for
any version that passed. The request waits under *Required Actions* for six days, then counts as rejected. Moving the
alias `champion` in MLflow by hand works too, and is noticed.
"""

from datetime import timedelta

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param, dag, get_current_context, task

from include.orchestration.schedule import MODELS, dag_defaults

ANSWER_WITHIN = timedelta(days=6)
PARAMS = {
    "model": Param("anomaly-detector", type="string", title="Model", description="Its name in MLflow's registry."),
    "version": Param("", type="string", title="Version", description="Empty: the one called challenger."),
}


@dag(
    schedule=None,
    doc_md=__doc__,
    **dag_defaults("train", within=ANSWER_WITHIN + timedelta(hours=12), params=PARAMS, active_runs=8, windowed=False),
)
def review_model():
    """Wire the question to its answer."""

    @task
    def ask(params: dict | None = None) -> dict:
        from include.orchestration.review import pending
        from include.orchestration.tasks import here

        return pending(here()[1], params["model"], params["version"])

    @task(outlets=[MODELS])
    def carry_out(question: dict) -> dict:
        from include.orchestration.review import answer
        from include.orchestration.tasks import here
        from include.orchestration.train import publish_models

        given = get_current_context()["ti"].xcom_pull(task_ids="approve")
        person = given.get("responded_by_user") or {}
        run, rt = here()
        name = str(person.get("name") or person.get("id") or "nobody in time")
        done = answer(rt, question["model"], question["version"], given["chosen_options"], name)
        publish_models(rt, run.window)
        return done

    question = ask()
    approve = HITLOperator(
        task_id="approve",
        subject="{{ ti.xcom_pull(task_ids='ask')['subject'] }}",
        body="{{ ti.xcom_pull(task_ids='ask')['body'] }}",
        options=["Approve", "Reject"],
        defaults="Reject",
        response_timeout=ANSWER_WITHIN,
        execution_timeout=None,
    )
    question >> approve >> carry_out(question)


review_model()
