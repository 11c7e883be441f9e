"""`make run`: Airflow, MLflow, a mail sink and the simulated fleet on this machine, and the main job through them.

In: a folder of configuration. Out: running servers, loaded history, a trained model, reports, mail, a summary.
Everything it does it does as a user would, over HTTP and SQL. Read `job.py` first; `processes.py` starts and stops,
`environment.py` says with which settings, `api.py` talks to Airflow.
"""
