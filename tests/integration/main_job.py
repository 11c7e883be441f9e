"""`make run` on a folder of configuration, with a home and ports of its own; whatever it started is stopped again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from include.clock import SystemClock
from include.config import load_config
from include.report import EVERYONE, Document, Store
from include.settings import REPOSITORY, Settings
from include.stack.environment import internal_ports
from include.stack.job import Job
from include.stack.processes import port_is_free
from include.stack.terminal import Terminal
from include.warehouse import Warehouse
from tests.servers import free_port


@dataclass(frozen=True)
class MainJob:
    """The command line, the home that it fills, and a way to look inside."""

    settings: Settings

    def command(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m include.stack <name> --config <folder>` to its end."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        settings = self.settings
        environment |= {
            "ALMANAC_HOME": str(settings.home),
            "ALMANAC_UI_PORT": str(settings.ui_port),
            "ALMANAC_MLFLOW_PORT": str(settings.mlflow_port),
            "ALMANAC_SMTP_PORT": str(settings.smtp_port),
        }
        whole = [sys.executable, "-m", "include.stack", name, "--config", str(settings.config_dir), *arguments]
        return subprocess.run(whole, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    @property
    def job(self) -> Job:
        """The job as the command line makes it; its `api` speaks to the running Airflow."""
        return Job(self.settings, load_config(self.settings.config_dir), SystemClock(), Terminal())

    @property
    def warehouse(self) -> Warehouse:
        """What was loaded and computed."""
        return Warehouse(self.settings.warehouse)

    def report(self, name: str) -> Document:
        """Return the newest report of that name, for everyone."""
        store = Store(self.settings.documents)
        entry = store.latest(name, EVERYONE)
        assert entry, f"no report {name} was written"
        return store.read(name, entry.id)


@contextmanager
def main_job(config: Path, home: Path) -> Iterator[MainJob]:
    """Give a main job on `config`; at the end everything that it started is stopped."""
    settings = Settings(config_dir=config, home=home, **_ports(home))
    found = MainJob(settings)
    try:
        yield found
    finally:
        found.command("down")


def write_config(folder: Path, **documents: Any) -> Path:
    """Write `services=…` as `services.yaml` and so on; what a file already says is kept and added to."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in documents.items():
        file = folder / f"{name}.yaml"
        there = yaml.safe_load(file.read_text()) if file.exists() else {}
        merged = {key: {**there.get(key, {}), **value} for key, value in document.items()}
        file.write_text(yaml.safe_dump({**there, **merged}, sort_keys=False))
    return folder


def _ports(home: Path) -> dict[str, int]:
    while True:
        ports = {name: free_port() for name in ("ui_port", "mlflow_port", "smtp_port")}
        behind = internal_ports(Settings(home=home, **ports))
        if len({*ports.values(), *behind}) == 6 and all(port < 65536 and port_is_free(port) for port in behind):
            return ports
