"""What every test may ask for: real servers, real data, a fresh warehouse; and what happens when they are absent.

A test marked `needs("postgres")` is skipped where there is no PostgreSQL, and the end of the run prints what was
skipped and why. `ALMANAC_REQUIRE=postgres,data` turns such a skip into a failure: that is how CI runs.
"""

import os
import shutil
import socket
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

assert "airflow" not in sys.modules, "Airflow must not be imported before its home is set"
for _name in [name for name in os.environ if name.startswith("AIRFLOW_")]:
    del os.environ[_name]
_AIRFLOW_HOME = tempfile.mkdtemp(prefix="almanac-airflow-")
os.environ["AIRFLOW_HOME"] = _AIRFLOW_HOME
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(Path(__file__).parent.parent / "dags")
os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(Path(__file__).parent.parent / "plugins")
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"
os.environ["GX_ANALYTICS_ENABLED"] = "false"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
REQUIRED = {name.strip() for name in os.environ.get("ALMANAC_REQUIRE", "").split(",") if name.strip()}
DATA = os.environ.get("ALMANAC_DATA")
POSTGRES = os.environ.get("ALMANAC_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
for _name in [name for name in os.environ if name.startswith("ALMANAC_")]:
    del os.environ[_name]

pytest_plugins = ["tests.servers"]


def _open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _postgres_port() -> int:
    from sqlalchemy import make_url

    return make_url(POSTGRES).port or 5432


CHECKS: dict[str, tuple[Callable[[], bool], str]] = {
    "postgres": (lambda: _open(_postgres_port()), "no PostgreSQL answers on 127.0.0.1; start one"),
    "redis": (lambda: _open(6379), "no Redis answers on 127.0.0.1:6379; start one"),
    "prometheus": (lambda: shutil.which("prometheus") is not None, "install Debian's package prometheus"),
    "alertmanager": (
        lambda: shutil.which("prometheus-alertmanager") is not None,
        "install Debian's package prometheus-alertmanager",
    ),
    "victoriametrics": (
        lambda: shutil.which("victoria-metrics") is not None,
        "install Debian's package victoria-metrics",
    ),
    "chromium": (lambda: shutil.which("chromium") is not None, "install Debian's package chromium"),
    "data": (lambda: bool(DATA) and Path(DATA or "").is_dir(), "set ALMANAC_DATA to the folder of public data"),
}
_known: dict[str, bool] = {}


def _present(name: str) -> bool:
    if name not in _known:
        _known[name] = CHECKS[name][0]()
    return _known[name]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose server or data is absent, or fail it where that server or data is required."""
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            if name not in CHECKS:
                pytest.fail(f"needs({name!r}): unknown; one of {', '.join(CHECKS)}")
            if not _present(name):
                message = f"needs {name}: {CHECKS[name][1]}"
                if name in REQUIRED:
                    pytest.fail(f"ALMANAC_REQUIRE names {name}, but {message}")
                pytest.skip(message)


def pytest_unconfigure() -> None:
    """Remove the temporary Airflow home."""
    shutil.rmtree(_AIRFLOW_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of public data; use it in tests marked `needs("data")`."""
    assert DATA
    return Path(DATA)


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """URL of a fresh, empty PostgreSQL database that goes when the test ends."""
    from sqlalchemy import create_engine, make_url, text

    name = f"almanac_test_{uuid.uuid4().hex[:12]}"
    admin = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    yield make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"drop database if exists {name} with (force)"))
    admin.dispose()


@pytest.fixture(params=["duckdb", pytest.param("postgresql", marks=pytest.mark.needs("postgres"))])
def warehouse_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a fresh, empty warehouse: every test that asks for it runs once on each engine."""
    if request.param == "duckdb":
        return f"duckdb:///{tmp_path / 'warehouse.duckdb'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """Airflow's own metadata database, fresh for this run of the tests."""
    from airflow.utils import db

    db.initdb()
