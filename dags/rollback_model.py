"""Back to the champion before: one trigger, and the next window is scored by the version that ran earlier."""

from airflow.sdk import Param, dag, task

from include.orchestration.schedule import MODELS, dag_defaults

MODEL = Param("anomaly-detector", type="string", title="Model", description="Its name in MLflow's registry.")


@dag(schedule=None, doc_md=__doc__, **dag_defaults("train", params={"model": MODEL}, windowed=False))
def rollback_model():
    """Wire the one step."""

    @task(outlets=[MODELS])
    def roll_back(params: dict | None = None) -> dict:
        from include.orchestration.review import roll_back
        from include.orchestration.tasks import here
        from include.orchestration.train import publish_models

        run, rt = here()
        done = roll_back(rt, params["model"])
        publish_models(rt, run.window)
        return done

    roll_back()


rollback_model()
