"""The environment, read once, as one frozen value.

Only this module reads environment variables. Everything else takes a `Settings` (or the one field that it needs) as
an argument, so that a test can build its own.
"""

import os
from functools import cached_property, lru_cache
from pathlib import Path
from urllib.parse import quote

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

REPOSITORY = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Where things are and how much of the machine to use; each field is `ALMANAC_<NAME>` in the environment."""

    model_config = SettingsConfigDict(env_prefix="ALMANAC_", frozen=True, extra="ignore")

    home: Path = Field(
        default=REPOSITORY / ".almanac",
        description="Folder of everything that Almanac writes on one machine.",
    )
    config_dir: Path = Field(
        default=REPOSITORY / "include" / "config" / "fleet",
        description="Folder with services.yaml, sources.yaml and the other YAML files.",
    )
    warehouse_url: str = Field(
        default="",
        description="SQLAlchemy URL; empty means duckdb:///<home>/warehouse.duckdb.",
    )
    landing_url: str = Field(default="", description="Store of landed Parquet; empty means <home>/landing.")
    documents_url: str = Field(default="", description="Store of report documents; empty means <home>/documents.")
    mlflow_url: str = Field(
        default="", description="MLflow tracking URI; empty means sqlite:///<home>/mlflow/mlflow.db."
    )
    ui_port: int = Field(default=8080, description="Port of Airflow's UI and API in `make run`.")
    mlflow_port: int = Field(default=5000, description="Port of MLflow in `make run`.")
    smtp_port: int = Field(default=2525, description="Port of the local mail sink in `make run`.")
    ui_url: str = Field(default="", description="Airflow's address as people see it; empty means localhost.")
    mlflow_ui_url: str = Field(default="", description="MLflow's address as people see it; empty means localhost.")
    grid_minutes: int = Field(default=60, description="Width of the regular windows: 5, 15, 60 or 1440 minutes.")
    shards: int = Field(default=4, ge=1, le=64, description="Into how many mapped tasks work over series is split.")
    lock_timeout_seconds: float = Field(default=120.0, gt=0, description="How long to wait for the DuckDB lock.")
    retention_days: int = Field(default=120, ge=7, description="How long points, results and landed files are kept.")
    quarantine_days: int = Field(default=30, ge=1, description="How long quarantined rows are kept.")
    max_series_per_query: int = Field(
        default=20_000, ge=1, description="Series beyond this cap, per query, go to quarantine."
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_means_default(cls, values: dict[str, object]) -> dict[str, object]:
        return {name: value for name, value in values.items() if value != ""}

    @cached_property
    def warehouse(self) -> str:
        """SQLAlchemy URL of the warehouse."""
        return self.warehouse_url or f"duckdb:///{self.home / 'warehouse.duckdb'}"

    @cached_property
    def landing(self) -> str:
        """URL or path of the landing store."""
        return self.landing_url or str(self.home / "landing")

    def state_of(self, source: str, query: str) -> str:
        """URL or path where a source remembers what it must between reads of one query, such as offsets."""
        return f"{self.landing.rstrip('/')}-state/{quote(source, safe='')}/{quote(query, safe='')}"

    @cached_property
    def documents(self) -> str:
        """URL or path of the document store."""
        return self.documents_url or str(self.home / "documents")

    @cached_property
    def mlflow(self) -> str:
        """MLflow tracking URI."""
        return self.mlflow_url or f"sqlite:///{self.home / 'mlflow' / 'mlflow.db'}"

    @cached_property
    def ui(self) -> str:
        """Airflow's address as people see it."""
        return self.ui_url or f"http://127.0.0.1:{self.ui_port}"

    @cached_property
    def mlflow_ui(self) -> str:
        """MLflow's address as people see it."""
        return self.mlflow_ui_url or f"http://127.0.0.1:{self.mlflow_port}"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the process's settings, read from the environment at the first call."""
    return Settings()


def connection_in_environment(name: str) -> str:
    """Return the Airflow connection of that name as `AIRFLOW_CONN_<NAME>` holds it; empty where it is not set."""
    return os.environ.get(f"AIRFLOW_CONN_{name.upper()}", "")
