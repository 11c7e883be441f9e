"""The processes of the stack and the environment that they share.

Secrets (Airflow's signing and encryption keys, the sign-in password) are made once per home, readable only by the
user, and never printed but for the sign-in at the end.
"""

import base64
import json
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

from include.orchestration.preload import ONE_THREAD
from include.settings import REPOSITORY, Settings
from include.stack.processes import Process

USER = "admin"


@dataclass(frozen=True)
class Secrets:
    """Keys of one home."""

    jwt: str
    fernet: str
    password: str


def load_secrets(home: Path) -> Secrets:
    """Return the home's secrets; make them at the first call."""
    file = home / "airflow" / "secrets.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        made = {
            "jwt": secrets.token_hex(32),
            "fernet": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "password": secrets.token_urlsafe(9),
        }
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(made, out)
    passwords = home / "airflow" / "passwords.json"
    keys = Secrets(**json.loads(file.read_text()))
    with os.fdopen(os.open(passwords, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump({USER: keys.password}, out)
    return keys


def environment(settings: Settings, keys: Secrets) -> dict[str, str]:
    """Return the environment of every process: this one's, with Airflow and MLflow set up for `settings`."""
    home = settings.home
    airflow = home / "airflow"
    worker_logs, trigger_logs, health = internal_ports(settings)
    ours = {
        "AIRFLOW_HOME": airflow,
        "AIRFLOW__CORE__DAGS_FOLDER": REPOSITORY / "dags",
        "AIRFLOW__CORE__PLUGINS_FOLDER": REPOSITORY / "plugins",
        "AIRFLOW__CORE__LOAD_EXAMPLES": False,
        "AIRFLOW__CORE__EXECUTOR": "include.orchestration.executor.PreloadedLocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": 4,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{settings.ui_port}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": airflow / "passwords.json",
        "AIRFLOW__CORE__FERNET_KEY": keys.fernet,
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": True,
        "AIRFLOW__CORE__EXECUTE_TASKS_NEW_PYTHON_INTERPRETER": False,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow / 'airflow.db'}",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": settings.ui_port,
        "AIRFLOW__API__BASE_URL": settings.ui,
        "AIRFLOW__API__WORKERS": 1,
        "AIRFLOW__API_AUTH__JWT_SECRET": keys.jwt,
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": True,
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": "127.0.0.1",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": health,
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": airflow / "logs",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": worker_logs,
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": trigger_logs,
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": 10,
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": False,
        "AIRFLOW_CONN_ALMANAC_SMTP": os.environ.get("AIRFLOW_CONN_ALMANAC_SMTP") or smtp_connection(settings.smtp_port),
        "ALMANAC_HOME": home,
        "ALMANAC_CONFIG_DIR": settings.config_dir,
        "ALMANAC_WAREHOUSE_URL": settings.warehouse,
        "ALMANAC_LANDING_URL": settings.landing,
        "ALMANAC_DOCUMENTS_URL": settings.documents,
        "ALMANAC_MLFLOW_URL": f"http://127.0.0.1:{settings.mlflow_port}",
        "ALMANAC_UI_PORT": settings.ui_port,
        "ALMANAC_MLFLOW_PORT": settings.mlflow_port,
        "ALMANAC_SMTP_PORT": settings.smtp_port,
        "ALMANAC_SHARDS": settings.shards,
        "ALMANAC_GRID_MINUTES": settings.grid_minutes,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "GX_ANALYTICS_ENABLED": "false",
        **ONE_THREAD,
        "PYTHONPATH": REPOSITORY,
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONUNBUFFERED": "1",
    }
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AIRFLOW_") or name.startswith("AIRFLOW_CONN_")
    }
    return inherited | {name: str(value) for name, value in ours.items()}


def internal_ports(settings: Settings) -> tuple[int, int, int]:
    """Return the ports of the task log server, the trigger log server and the scheduler's health, after the UI's."""
    return settings.ui_port + 713, settings.ui_port + 714, settings.ui_port + 894


def smtp_connection(port: int) -> str:
    """Return the Airflow connection of the local mail sink, as JSON."""
    return json.dumps(
        {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": port,
            "extra": {"disable_ssl": True, "disable_tls": True, "from_email": "almanac@localhost"},
        }
    )


def servers(settings: Settings) -> list[Process]:
    """Return the servers of the stack, in the order in which they start."""
    home = settings.home
    airflow = [sys.executable, "-m", "airflow"]
    worker_logs, trigger_logs, health = internal_ports(settings)
    mlflow_store = home / "mlflow"
    return [
        Process(
            "mlflow",
            [
                *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(settings.mlflow_port)),
                *("--backend-store-uri", f"sqlite:///{mlflow_store / 'mlflow.db'}"),
                *("--artifacts-destination", str(mlflow_store / "artifacts"), "--workers", "1", "--allowed-hosts"),
                f"127.0.0.1:{settings.mlflow_port},localhost:{settings.mlflow_port}",
            ],
            {"ALMANAC_MLFLOW_PORT": settings.mlflow_port},
        ),
        Process(
            "mail-sink",
            [
                *(sys.executable, "-m", "include.notify.sink"),
                *("--port", str(settings.smtp_port), "--folder", str(home / "mail")),
            ],
            {"ALMANAC_SMTP_PORT": settings.smtp_port},
        ),
        Process("api-server", [*airflow, "api-server"], {"ALMANAC_UI_PORT": settings.ui_port}),
        Process(
            "scheduler",
            [*airflow, "scheduler"],
            {"ALMANAC_UI_PORT (the scheduler's log port follows it)": worker_logs, "ALMANAC_UI_PORT (health)": health},
        ),
        Process("dag-processor", [*airflow, "dag-processor"], {}),
        Process(
            "triggerer",
            [*airflow, "triggerer"],
            {"ALMANAC_UI_PORT (the triggerer's log port follows it)": trigger_logs},
        ),
    ]
