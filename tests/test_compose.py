"""The team's installation: every service is watched, nothing has a default secret, `make up` makes them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
SERVICES = COMPOSE["services"]
SECRET = re.compile(r"\$\{(\w*(?:PASSWORD|SECRET|KEY)\w*)(:?[-?][^}]*)?\}")


def test_the_services_of_a_team_are_there():
    assert set(SERVICES) >= {
        "postgres", "redis", "mlflow", "mail", "init", "api-server", "scheduler", "dag-processor", "triggerer",
        "worker",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"init", "fleet"}))
def test_every_server_has_a_health_check(name: str):
    assert SERVICES[name]["healthcheck"]["test"]


def test_no_secret_has_a_default():
    text = (ROOT / "docker-compose.yaml").read_text()
    found = SECRET.findall(text)
    assert len({name for name, _ in found}) >= 8
    assert not [name for name, default in found if default.startswith((":-", "-"))]


def test_data_lies_in_named_volumes():
    assert set(COMPOSE["volumes"]) >= {"postgres", "redis", "mlflow", "almanac", "airflow", "mail"}


def test_servers_are_published_on_loopback_only():
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("Makefile", "docker-compose.yaml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_make_up_generates_every_secret_once_and_for_the_owner_only(checkout: Path):
    subprocess.run(["make", ".env"], cwd=checkout, check=True, capture_output=True)
    env = checkout / ".env"
    values = dict(line.split("=", 1) for line in env.read_text().splitlines() if "=" in line and line[0] != "#")
    named = {name for name, _ in SECRET.findall((ROOT / "docker-compose.yaml").read_text())}
    assert named <= set(values)
    secrets = [values[name] for name in named]
    assert len(set(secrets)) == len(secrets)
    assert all(len(secret) >= 32 for secret in secrets)
    assert env.stat().st_mode & 0o077 == 0
    before = env.read_text()
    subprocess.run(["make", ".env"], cwd=checkout, check=True, capture_output=True)
    assert env.read_text() == before


def test_the_database_script_makes_one_database_for_each_of_the_three():
    script = (ROOT / "deploy" / "postgres-init.sh").read_text()
    assert "for name in airflow mlflow warehouse" in script
    subprocess.run(["bash", "-n", str(ROOT / "deploy" / "postgres-init.sh")], check=True)
    subprocess.run(["bash", "-n", str(ROOT / "deploy" / "init.sh")], check=True)


@pytest.mark.needs("postgres")
def test_the_database_script_runs_on_a_real_server(postgres_url: str, tmp_path: Path):
    """Its SQL, with names of its own, since databases and roles belong to the whole server."""
    from sqlalchemy import create_engine, make_url, text

    url = make_url(postgres_url)
    suffix = (url.database or "")[-12:]
    script = (ROOT / "deploy" / "postgres-init.sh").read_text()
    script = script.replace("airflow mlflow warehouse", f"w{suffix}").replace("${upper}_DB_PASSWORD", "DB_PASSWORD")
    path = tmp_path / "init.sh"
    path.write_text(script)
    environment = {
        "PATH": "/usr/bin:/bin", "POSTGRES_USER": url.username or "postgres", "DB_PASSWORD": "it's a 'secret'",
        "PGHOST": url.host or "", "PGPORT": str(url.port or 5432),
    }  # fmt: skip
    try:
        subprocess.run(["bash", str(path)], env=environment, check=True, capture_output=True, text=True)
        owned = create_engine(url.set(database=f"w{suffix}"))
        with owned.connect() as connection:
            query = "select pg_get_userbyid(datdba) from pg_database where datname = current_database()"
            assert connection.execute(text(query)).scalar_one() == f"w{suffix}"
        owned.dispose()
    finally:
        admin = create_engine(url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"drop database if exists w{suffix} with (force)"))
            connection.execute(text(f"drop role if exists w{suffix}"))
        admin.dispose()
